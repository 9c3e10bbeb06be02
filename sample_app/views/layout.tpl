<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{{title}} · Ticket desk</title>
  <link rel="icon" href="/static/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/static/desk.css">
</head>
<body>
  <a class="skip" href="#main">Skip to the content</a>
  <header>
    <div class="wide">
      <a class="brand" href="/"><img src="/static/icon.svg" alt="" width="28" height="28">Ticket desk</a>
      <nav aria-label="Desk">
% for path, text in [("/", "Tickets"), ("/new", "New ticket"), ("/counters", "Counters")]:
        <a href="{{path}}"{{!' aria-current="page"' if get("here") == path else ""}}>{{text}}</a>
% end
      </nav>
    </div>
  </header>
  <main id="main" class="wide" tabindex="-1">
% if get("done"):
    <p class="done" role="status">{{done}}</p>
% end
{{!base}}
  </main>
  <footer>
    <div class="wide">Kept in a <code>Store</code>, numbered by a <code>Counter</code>: napixd-store.</div>
  </footer>
</body>
</html>
