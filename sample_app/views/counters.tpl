% rebase("layout", title="Counters", here="/counters", refresh=2 if live else None)
    <h1>Counters</h1>
    <dl class="counters">
% for key, text in [("open", "Open"), ("closed", "Closed"), ("issued", "Numbers issued"), ("next_id", "Next id")]:
      <div class="card">
        <dt>{{text}}</dt>
        <dd id="{{key}}">{{counts[key]}}</dd>
      </div>
% end
    </dl>
    <p class="quiet">
% if live:
      This page loads itself again every two seconds. <a href="/counters?live=no">Stop</a>
% else:
      This page stands still. <a href="/counters">Let it move</a>
% end
    </p>
