% heading = f"Edit {id}" if id else "New ticket"
% rebase("layout", title=f"Not stored: {heading}" if problem else heading, here=None if id else "/new")
    <h1>{{heading}}</h1>
% if problem:
    <p class="problem" id="problem" role="alert">{{problem}}</p>
% end
% if now:
    <section class="card" aria-labelledby="now">
      <h2 id="now">What it is now</h2>
      <p><strong>{{now.title}}</strong> <span class="status {{now.status}}">{{now.status}}</span></p>
      <div class="text">{{now.body}}</div>
    </section>
    <h2>What you typed</h2>
% end
    <form class="card" method="post" action="{{address("edit", id) if id else "/new"}}">
      <input type="hidden" name="token" value="{{token}}">
% if id:
      <input type="hidden" name="seen" value="{{fields.get("seen", "")}}">
% end
% described = "hint problem" if problem else "hint"
      <label for="title">Title</label>
      <input id="title" name="title" value="{{fields.get("title", "")}}" maxlength="200" required
        aria-describedby="{{described}}">
      <p class="hint" id="hint">1 to 200 characters.</p>
      <label for="body">Text</label>
% # A browser drops a line break that comes first: this one, not one of the ticket's.
      <textarea id="body" name="body" rows="8">
{{fields.get("body", "")}}</textarea>
      <fieldset>
        <legend>Status</legend>
% for value, text in [("open", "Open"), ("closed", "Closed")]:
        <label for="{{value}}"><input type="radio" id="{{value}}" name="status" value="{{value}}"{{" checked" if fields.get("status", "open") == value else ""}}> {{text}}</label>
% end
      </fieldset>
      <p class="actions">
        <button>{{"Store" if id else "Hand in"}}</button>
        <a href="{{address("show", id) if id else "/"}}">Cancel</a>
      </p>
    </form>
