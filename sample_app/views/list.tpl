% rebase("layout", title="Tickets", here="/", done=done)
% searched = wanted.q or wanted.status
% if not total and not searched:
    <div class="card empty">
      <img src="/static/icon.svg" alt="" width="72" height="72">
      <h1>The desk is clear</h1>
      <p>Something is broken, missing or in the way? Write it down, and it gets a number that stays its own.</p>
      <a class="button" href="/new">Write the first ticket</a>
    </div>
% else:
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
      <button class="quiet">Search</button>
    </form>
    <p class="count">
% if total:
      {{total}} {{"ticket" if total == 1 else "tickets"}}{{" found" if searched else ""}}, the newest first
% else:
      No ticket says that. <a href="/">Show all tickets</a>
% end
    </p>
% end
% if tickets:
    <ol class="tickets">
% for ticket in tickets:
      <li>
% if ticket.status == "unreadable":
        <strong>This ticket cannot be read</strong>
        <span class="status unreadable">damaged</span>
        <p class="facts"><span class="id">{{ticket.id}}</span> <span>the log of the desk says why</span></p>
% else:
        <a href="{{address("show", ticket.id)}}">{{ticket.title}}</a>
        <span class="status {{ticket.status}}">{{ticket.status}}</span>
        <p class="facts"><span class="id">{{ticket.id}}</span> <span>changed <time datetime="{{ticket.updated.isoformat()}}">{{ago(ticket.updated)}}</time></span></p>
% end
      </li>
% end
    </ol>
% end
% if last > 1 or wanted.page > 1:
    <nav class="pages" aria-label="Pages">
% if wanted.page > 1:
      <a rel="prev" href="{{page(min(wanted.page - 1, last))}}">Newer</a>
% end
% numbers = sorted({1, min(wanted.page, last), last})
% for before, number in zip([0, *numbers], numbers):
% if number > before + 1:
      <span>…</span>
% end
      <a href="{{page(number)}}" aria-label="Page {{number}}"{{!' aria-current="page"' if number == wanted.page else ""}}>{{number}}</a>
% end
% if wanted.page < last:
      <a rel="next" href="{{page(wanted.page + 1)}}">Older</a>
% end
    </nav>
% end
