% rebase("layout", title=ticket.title, done=done)
    <article class="card">
      <h1>{{ticket.title}}</h1>
      <p class="facts">
        <span class="id">{{ticket.id}}</span>
        <span class="status {{ticket.status}}">{{ticket.status}}</span>
      </p>
      <div class="text">{{ticket.body}}</div>
      <dl class="times">
% for text, at in [("Created", ticket.created), ("Changed", ticket.updated)]:
        <div>
          <dt>{{text}}</dt>
          <dd><time datetime="{{at.isoformat()}}">{{at.strftime("%Y-%m-%d %H:%M:%S UTC")}}</time></dd>
        </div>
% end
      </dl>
    </article>
    <p class="actions">
      <a class="button" href="{{address("edit", ticket.id)}}">Edit</a>
      <a class="button danger" href="{{address("delete", ticket.id)}}">Delete…</a>
    </p>
