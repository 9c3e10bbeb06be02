% heading = f"Edit {id}" if id else "New ticket"
% rebase("layout", title=f"Not saved: {heading}" if problems else heading, here=None if id else "/new")
    <h1>{{heading}}</h1>
% if "" in problems:
    <p class="problem" role="alert">{{problems[""]}}</p>
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
      <input type="hidden" name="version" value="{{fields.get("version", "")}}">
% end
      <label for="title">Title</label>
% if "title" in problems:
      <p class="wrong" id="title-problem">{{problems["title"]}}</p>
% end
      <input id="title" name="title" value="{{fields.get("title", "")}}" maxlength="200" required
        aria-describedby="{{"title-problem " if "title" in problems else ""}}title-hint"{{!' aria-invalid="true" autofocus' if "title" in problems else ""}}>
      <p class="hint" id="title-hint">In a few words, 200 characters at most.</p>
      <label for="body">Text</label>
% # A browser drops a line break that comes first: this one, not one of the ticket's.
      <textarea id="body" name="body" rows="8" aria-describedby="body-hint">
{{fields.get("body", "")}}</textarea>
      <p class="hint" id="body-hint">What happened, where, and since when. It may stay empty.</p>
      <fieldset>
        <legend>Status</legend>
% for value, text in [("open", "Open"), ("closed", "Closed")]:
        <label for="{{value}}"><input type="radio" id="{{value}}" name="status" value="{{value}}"{{" checked" if fields.get("status", "open") == value else ""}}> {{text}}</label>
% end
      </fieldset>
      <p class="actions">
        <button>{{"Save changes" if id else "Create ticket"}}</button>
        <a href="{{address("show", id) if id else "/"}}">Cancel</a>
      </p>
    </form>
