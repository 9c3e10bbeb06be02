% rebase("layout", title=heading)
    <h1>{{heading}}</h1>
    <p class="problem">{{text[:1].upper() + text[1:]}}{{"" if text.endswith(".") else "."}}</p>
% if typed:
    <p>What you typed is still in the form: your browser's Back button leads there.</p>
% end
    <p><a class="button" href="/">All tickets</a></p>
