% rebase("layout", title="Tickets", here="/", done=done)
    <div class="heading">
      <h1>Tickets</h1>
      <a class="button" href="/new">New ticket</a>
    </div>
    <form class="search" method="get" action="/" role="search">
      <div class="grows">
        <label for="q">Search</label>
        <input type="search" id="q" name="q" value="{{wanted.q}}">
      </div>
      <div>
        <label for="status">Status</label>
        <select id="status" name="status">
% for value, text in [("", "All"), ("open", "Open"), ("closed", "Closed")]:
          <option value="{{value}}"{{" selected" if wanted.status == value else ""}}>{{text}}</option>
% end
        </select>
      </div>
      <button>Search</button>
    </form>
% searched = wanted.q or wanted.status
    <p class="quiet">
% if total:
      {{total}} {{"ticket" if total == 1 else "tickets"}}{{" found" if searched else ""}}, the newest first.
% elif searched:
      No ticket says that. <a href="/">Show all tickets</a>
% else:
      There is no ticket yet. <a href="/new">Hand in the first one</a>
% end
    </p>
% if tickets:
    <ol class="tickets">
% for ticket in tickets:
      <li>
        <a href="{{address("show", ticket.id)}}">{{ticket.title}}</a>
        <span class="status {{ticket.status}}">{{ticket.status}}</span>
        <span class="id">{{ticket.id}}</span>
        <time datetime="{{ticket.updated.isoformat()}}">{{ticket.updated.strftime("%Y-%m-%d %H:%M UTC")}}</time>
      </li>
% end
    </ol>
% end
% if last > 1 or wanted.page > 1:
    <nav class="pages" aria-label="Pages">
% if wanted.page > 1:
      <a class="button quiet" rel="prev" href="{{page(min(wanted.page - 1, last))}}">Newer</a>
% end
      <span>Page {{wanted.page}} of {{last}}</span>
% if wanted.page < last:
      <a class="button quiet" rel="next" href="{{page(wanted.page + 1)}}">Older</a>
% end
    </nav>
% end
