// The fixed parts of a gallery page.
#pragma once

#include <string_view>

namespace vit::report {

inline constexpr std::string_view kGalleryStyle = R"(
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b1f24; --soft: #6a737d;
  --line: #e3e6ea; --bar: #cfe3ff; --first: #1f6feb; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1318; --card: #181d24; --ink: #e6e9ed;
  --soft: #96a0ab; --line: #2a313a; --bar: #1d3557; --first: #6cb0ff; --bad: #ff9b8f; } }
* { box-sizing: border-box; margin: 0; }
body { background: var(--page); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
header { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: 8px 24px;
  align-items: center; padding: 14px 24px; background: var(--card);
  border-bottom: 1px solid var(--line); }
h1 { font-size: 18px; font-weight: 650; }
dl { display: flex; flex-wrap: wrap; gap: 4px 18px; flex: 1; color: var(--soft); font-size: 13px; }
dl div { display: flex; gap: 6px; } dd { color: var(--ink); }
input[type=search] { font: inherit; padding: 6px 12px; width: 220px; color: inherit;
  background: var(--page); border: 1px solid var(--line); border-radius: 8px; }
label { display: flex; gap: 6px; align-items: center; font-size: 13px; }
main { display: grid; gap: 20px; padding: 24px;
  grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); }
.card { overflow: hidden; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; box-shadow: 0 1px 2px rgb(0 0 0 / .05); content-visibility: auto; }
[hidden] { display: none !important; }
figure { position: relative; aspect-ratio: 1; background: var(--line); }
figure img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.attention { opacity: 0; transition: opacity .15s; }
.card:hover .attention, .looking .attention { opacity: 1; }
h2 { padding: 10px 14px 2px; font-size: 13px; font-weight: 500; color: var(--soft);
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
ol { list-style: none; padding: 4px 14px 14px; }
li { display: flex; justify-content: space-between; gap: 10px; margin-top: 4px; padding: 2px 8px;
  border-radius: 6px; font-size: 13px;
  background: linear-gradient(var(--bar) 0 0) 0 0 / var(--p) 100% no-repeat; }
li:first-child { font-size: 15px; font-weight: 600; } li:first-child b { color: var(--first); }
li span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
li b { font-weight: 500; font-variant-numeric: tabular-nums; white-space: nowrap; }
.error { padding: 6px 14px 14px; font-size: 13px; color: var(--bad); overflow-wrap: anywhere; }
)";

/// Holes: title, style, title, facts.
inline constexpr std::string_view kGalleryHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{}</title>
<style>{}</style>
</head>
<body>
<header>
<h1>{}</h1>
<dl>{}</dl>
<label id="look" hidden><input type="checkbox"> attention</label>
<input type="search" placeholder="file or class" aria-label="Show only">
</header>
<main>
)";

inline constexpr std::string_view kGalleryTail = R"(</main>
<script>
const cards = [...document.querySelectorAll('.card')];
document.querySelector('input[type=search]').addEventListener('input', event => {
  const wanted = event.target.value.toLowerCase();
  for (const card of cards)
    card.hidden = !(card.querySelector('h2').title + ' ' + card.textContent)
      .toLowerCase().includes(wanted);
});
const look = document.querySelector('#look');
look.hidden = !document.querySelector('.attention');
look.firstChild.addEventListener('change', event =>
  document.body.classList.toggle('looking', event.target.checked));
</script>
</body>
</html>
)";

}  // namespace vit::report
