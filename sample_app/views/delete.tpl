% rebase("layout", title=f"Delete {ticket.id}?")
    <h1>Delete {{ticket.id}}?</h1>
    <div class="card">
      <p><strong>{{ticket.title}}</strong> <span class="status {{ticket.status}}">{{ticket.status}}</span></p>
      <p>It is gone then, and its id is not given again.</p>
      <form method="post" action="{{address("delete", ticket.id)}}">
        <input type="hidden" name="token" value="{{token}}">
        <p class="actions">
          <button class="danger">Delete</button>
          <a href="{{address("show", ticket.id)}}">Keep it</a>
        </p>
      </form>
    </div>
