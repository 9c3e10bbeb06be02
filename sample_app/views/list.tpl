% rebase("layout", title="Tickets", here="/", done=done)
% searched = wanted.searches
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
% if searched and not page.rows:
      No ticket says that. <a href="/">Show all tickets</a>
% elif searched:
      What says so, the newest first; a search looks through all {{total}} tickets
% else:
      {{total}} {{"ticket" if total == 1 else "tickets"}}, the newest first
% end
    </p>
% end
% if page.rows:
    <ol class="tickets">
% for ticket in page.rows:
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
% if page.newer or page.older or wanted.older:
    <nav class="pages" aria-label="Pages">
% if page.newer or wanted.older:
      <a rel="first" href="{{elsewhere()}}">Newest</a>
% end
% if page.newer:
      <a rel="prev" href="{{elsewhere(newer=page.newer)}}">Newer</a>
% end
% if page.older:
      <a rel="next" href="{{elsewhere(older=page.older)}}">Older</a>
% end
    </nav>
% end
