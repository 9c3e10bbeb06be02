% rebase("layout", title="Counters", here="/counters")
    <h1>Counters</h1>
    <dl class="counters">
% for key, text in [("open", "Open"), ("closed", "Closed"), ("issued", "Ever created"), ("next_id", "Next number"), ("unreadable", "Damaged")]:
% if key in counts:
      <div class="card">
        <dt>{{text}}</dt>
        <dd id="{{key}}">{{counts[key]}}</dd>
      </div>
% end
% end
    </dl>
% most = max(lately)
    <figure class="card">
      <figcaption>
        <h2>New tickets in the last {{len(lately)}} minutes</h2>
        <p class="quiet">{{sum(lately)}} in all{{f", {most} in the busiest minute" if most else ""}}</p>
      </figcaption>
      <svg viewBox="0 0 {{len(lately) * 10}} 100" preserveAspectRatio="none" role="img" aria-label="New tickets by minute: {{", ".join(map(str, lately))}}">
% for place, number in enumerate(lately):
% height = 2 + 98 * number / max(most, 1)
        <rect class="{{"some" if number else "none"}}" x="{{place * 10 + 1}}" y="{{f"{100 - height:.1f}"}}" width="8" height="{{f"{height:.1f}"}}"/>
% end
      </svg>
      <p class="axis quiet"><span>{{len(lately)}} minutes ago</span> <span>now</span></p>
    </figure>
    <p class="quiet">
% if live:
      This page loads itself again every two seconds. <a href="/counters">Stop</a>
% else:
      This page stands still. <a href="/counters?live=yes">Let it move</a>
% end
    </p>
