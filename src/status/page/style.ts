/** How the page looks: system fonts, light and dark as the reader's system, one column to three. */

/** Colours of text have a contrast of at least 4.5 to what is behind them, in both schemes. */
export const STYLE = `
:root {
  --ground: #f5f6f7; --sheet: #fff; --line: #dfe3e8; --text: #1c2127; --faint: #59626d;
  --ok: #1a7338; --warn: #8a5700; --bad: #b4231c; --accent: #1463b8; --area: #1463b81f;
  --ok-ground: #eaf5ed; --warn-ground: #fdf4e0; --bad-ground: #fdecea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101317; --sheet: #171b21; --line: #2b323b; --text: #e4e7eb; --faint: #99a3ae;
    --ok: #58c27d; --warn: #dfae4a; --bad: #ff8a80; --accent: #74b3f5; --area: #74b3f52b;
    --ok-ground: #14251b; --warn-ground: #2a2213; --bad-ground: #331a1a;
  }
}
* { box-sizing: border-box; margin: 0; }
html { color-scheme: light dark; scroll-padding-top: 3.5rem; }
body {
  background: var(--ground); color: var(--text);
  font: .875rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
code { font: .8125rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
a { color: var(--accent); }
ul { list-style: none; padding: 0; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
main:focus-visible { outline: none; }
.skip { position: absolute; left: -99rem; padding: .5rem 1rem; background: var(--sheet); z-index: 2; }
.skip:focus { left: .5rem; top: .5rem; }
.ok { color: var(--ok); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.none { color: var(--faint); }

header {
  position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; overflow-wrap: normal; min-height: 2.75rem;
  padding: .375rem clamp(.75rem, 2vw, 1.5rem); background: var(--sheet); border-bottom: 1px solid var(--line);
}
header .name { font-weight: 650; }
header .host { flex: 1 1 6rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0; }
#state { color: var(--faint); margin-left: auto; }
#state.lost { color: var(--bad); font-weight: 600; }
#state.paused { color: var(--warn); font-weight: 600; }
button {
  font: inherit; color: inherit; background: none; border: 1px solid var(--line); border-radius: 5px;
  padding: .1875rem .75rem; cursor: pointer;
}
button:hover { border-color: var(--faint); }

main {
  display: grid; gap: .75rem; grid-template-columns: minmax(0, 1fr); max-width: 110rem; margin: 0 auto;
  padding: clamp(.75rem, 1.5vw, 1.25rem) clamp(.75rem, 2vw, 1.5rem);
}
main > div { display: flex; flex-direction: column; gap: .75rem; min-width: 0; }
main > div > :last-child { flex-grow: 1; }
section { background: var(--sheet); border: 1px solid var(--line); border-radius: 6px; padding: .75rem 1rem 1rem; min-width: 0; }
h2 { font-size: .9375rem; font-weight: 650; display: inline; }
.aside { display: inline; color: var(--faint); margin-left: .5rem; }
section > .facts, .scroll, .empty, details { margin-top: .5rem; }
.empty { color: var(--faint); }

#verdict { padding: 1rem 1.25rem 1.25rem; }
#verdict.ready { background: var(--ok-ground); border-color: color-mix(in srgb, var(--ok) 35%, transparent); }
#verdict.worried { background: var(--warn-ground); border-color: color-mix(in srgb, var(--warn) 35%, transparent); }
#verdict.failing { background: var(--bad-ground); border-color: color-mix(in srgb, var(--bad) 45%, transparent); }
#verdict [role=status] { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 1rem; }
h1 { font-size: 1.75rem; font-weight: 680; line-height: 1.2; letter-spacing: -.01em; }
.sign { margin-right: .3em; }
.ready h1 { color: var(--ok); } .worried h1 { color: var(--warn); } .failing h1 { color: var(--bad); }
.why { font-size: 1rem; }
.checks { display: grid; gap: .375rem 2rem; margin-top: .75rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
.checks strong { display: block; font-weight: 600; }
.checks > li > span { color: var(--text); }
#concerns-head { display: block; margin-top: 1rem; }
.concerns { list-style: disc; padding-left: 1.25rem; }
.concerns a { color: inherit; }

.facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; }
dt { color: var(--faint); font-size: .8125rem; }
#verdict .facts { margin-top: 1rem; padding-top: .75rem; border-top: 1px solid var(--line); }

.figures { display: grid; gap: 1.25rem 2rem; margin-top: .5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
h3 { font-size: .8125rem; font-weight: 400; color: var(--faint); }
.value { font-size: 1.75rem; font-weight: 600; line-height: 1.25; letter-spacing: -.01em; }
.value small { font-size: .875rem; font-weight: 400; color: var(--faint); letter-spacing: 0; }
.chart { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .25rem .5rem; margin: .375rem 0 .25rem; }
.chart svg { width: 100%; height: 5.5rem; overflow: visible; }
.chart path { vector-effect: non-scaling-stroke; fill: none; }
.chart .grid { stroke: var(--line); }
.chart .area { fill: var(--area); }
.chart .line { stroke: var(--accent); stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
.scale, .hour { display: flex; justify-content: space-between; color: var(--faint); font-size: .75rem; line-height: 1; white-space: nowrap; }
.scale { flex-direction: column; min-width: 3.25rem; margin: -.375rem 0; }
.summary { color: var(--faint); font-size: .8125rem; }

.scroll { overflow: auto; max-height: 24rem; margin-inline: -1rem; padding-inline: 1rem; }
.scroll:focus-visible { outline-offset: -2px; }
table { width: 100%; border-collapse: collapse; font-size: .8125rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: top; font-weight: 400; padding: .1875rem 1rem .1875rem 0; white-space: nowrap; border-top: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { position: sticky; top: 0; background: var(--sheet); color: var(--faint); border: 0; }
tbody th { font-weight: 500; }
.number { text-align: right; }
.name, .text { white-space: normal; }
th.name { min-width: 11rem; }
td.name { min-width: 16rem; }
.text { min-width: 13rem; }
.bar { display: block; width: 100%; min-width: 4rem; height: .5rem; margin-top: .375rem; }
.bar rect { fill: var(--accent); }
.disk { background: var(--line); margin-top: .75rem; border-radius: 2px; }
details summary { cursor: pointer; color: var(--accent); width: fit-content; }
footer { padding: 0 clamp(.75rem, 2vw, 1.5rem) 1.5rem; max-width: 110rem; margin: 0 auto; color: var(--faint); }
footer a { margin-left: .75rem; }

@media (min-width: 64rem) {
  main { grid-template-columns: repeat(12, minmax(0, 1fr)); }
  main > * { grid-column: span 12; }
  .wide { grid-column: span 8; } .narrow { grid-column: span 4; }
}
@media (min-width: 96rem) { .half, .peers { grid-column: span 6; } }
@media (forced-colors: active) {
  .chart .line { stroke: CanvasText; } .bar rect { fill: CanvasText; }
}
`;
