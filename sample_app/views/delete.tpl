% rebase("layout", title=f"Delete {ticket.id}?")
    <h1>Delete {{ticket.id}}?</h1>
% if problem:
    <p class="problem" role="alert">{{problem}}</p>
% end
    <div class="card">
      <p><strong>{{ticket.title}}</strong> <span class="status {{ticket.status}}">{{ticket.status}}</span></p>
% if problem:
      <div class="text">{{ticket.body}}</div>
% end
      <p>It cannot be brought back.{{" You can close it instead, and it stays to be read." if ticket.status == "open" else ""}}</p>
      <form method="post" action="{{address("delete", ticket.id)}}">
        <input type="hidden" name="token" value="{{token}}">
        <input type="hidden" name="version" value="{{version}}">
        <p class="actions">
          <button class="danger">Delete</button>
          <a href="{{address("show", ticket.id)}}">Keep it</a>
        </p>
      </form>
    </div>
