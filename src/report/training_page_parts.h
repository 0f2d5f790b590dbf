// The fixed parts of a training run's page.
#pragma once

#include <string_view>

namespace vit::report {

inline constexpr std::string_view kTrainingStyle = R"(
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b1f24; --soft: #6a737d;
  --line: #e3e6ea; --s0: #9aa7b5; --s1: #1f6feb; --s2: #d9480f; --right: 31 111 235;
  --wrong: 217 72 15; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1318; --card: #181d24; --ink: #e6e9ed;
  --soft: #96a0ab; --line: #2a313a; --s0: #5c6875; --s1: #6cb0ff; --s2: #ff9b6b; } }
* { box-sizing: border-box; margin: 0; }
body { background: var(--page); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
header { padding: 18px 24px; background: var(--card); border-bottom: 1px solid var(--line); }
h1 { font-size: 19px; font-weight: 650; margin-bottom: 6px; }
h2 { font-size: 16px; font-weight: 600; margin-bottom: 10px; }
dl { display: flex; flex-wrap: wrap; gap: 4px 22px; color: var(--soft); font-size: 13px; }
dl div { display: flex; gap: 6px; } dd { color: var(--ink); }
main { padding: 24px; display: grid; gap: 20px; }
.charts { display: grid; gap: 20px; grid-template-columns: repeat(auto-fit, minmax(380px, 1fr)); }
.chart, section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 14px 16px; overflow: auto; }
.chart figcaption { font-weight: 600; font-size: 14px; }
.chart svg { width: 100%; display: block; }
.chart path { fill: none; stroke-width: 1.6; } .chart .grid { stroke: var(--line); }
.chart text { fill: var(--soft); font-size: 11px; } .chart .y { text-anchor: end;
  dominant-baseline: middle; } .chart .x { text-anchor: middle; }
.s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); }
.key { font-weight: 400; font-size: 12px; margin-left: 8px; stroke: none; }
.key::before { content: '\25CF'; margin-right: 4px; }
.key.s0::before { color: var(--s0); } .key.s1::before { color: var(--s1); }
.key.s2::before { color: var(--s2); }
.confusion { border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; }
.confusion th { font-weight: 500; color: var(--soft); padding: 4px 8px; text-align: right; }
.confusion td { padding: 4px 8px; text-align: right; border: 1px solid var(--line); }
.right { background: rgb(var(--right) / calc(var(--p) * .55)); }
.wrong { background: rgb(var(--wrong) / calc(var(--p) * .9)); }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; }
.tiles img { width: 112px; height: 112px; object-fit: contain; border-radius: 8px;
  background: var(--line); image-rendering: pixelated; }
.mistake figcaption { width: 112px; font-size: 12px; color: var(--soft); }
.mistake b { color: var(--ink); }
pre { font-size: 12px; padding-top: 8px; } summary { cursor: pointer; }
)";

/// While the run goes on.
inline constexpr std::string_view kRefresh = "<meta http-equiv=\"refresh\" content=\"20\">\n";

/// Holes: mark, refresh, title, style, title, facts.
inline constexpr std::string_view kTrainingHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{}
<meta name="viewport" content="width=device-width, initial-scale=1">
{}<title>{}</title>
<style>{}</style>
</head>
<body>
<header>
<h1>{}</h1>
<dl>{}</dl>
</header>
<main>
)";

inline constexpr std::string_view kTrainingTail = R"(</main>
</body>
</html>
)";

}  // namespace vit::report
