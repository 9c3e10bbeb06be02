% rebase("layout", title=ticket.title, done=done)
    <article class="card">
      <h1>{{ticket.title}}</h1>
      <p class="facts">
        <span class="id">{{ticket.id}}</span>
        <span class="status {{ticket.status}}">{{ticket.status}}</span>
      </p>
% if ticket.body:
      <div class="text">{{ticket.body}}</div>
% else:
      <p class="quiet">There is no text.</p>
% end
      <dl class="times">
% for text, at in [("Created", ticket.created), ("Changed", ticket.updated)]:
        <div>
          <dt>{{text}}</dt>
          <dd><time datetime="{{at.isoformat()}}">{{ago(at)}}, {{at.strftime("%Y-%m-%d %H:%M UTC")}}</time></dd>
        </div>
% end
      </dl>
    </article>
    <div class="actions">
      <form method="post" action="{{address("status", ticket.id)}}">
        <input type="hidden" name="token" value="{{token}}">
% status, text = ("closed", "Close ticket") if ticket.status == "open" else ("open", "Open again")
        <button name="status" value="{{status}}">{{text}}</button>
      </form>
      <a class="button quiet" href="{{address("edit", ticket.id)}}">Edit</a>
      <a class="away" href="{{address("delete", ticket.id)}}">Delete…</a>
    </div>
