"""The report's style sheet: one palette for light and paper, one for dark, told apart by hue, lightness and dash.

Hues after Okabe & Ito 2008 (safe for the usual colour-blindness); zones are one hue from light to dark.
"""

from __future__ import annotations

LIGHT = (
    "--ink:#1b1f24;--soft:#59636e;--page:#ffffff;--card:#f6f8fa;--rule:#d1d9e0;--good:#00664a;--bad:#b03a00;"
    "--s0:#0072b2;--s1:#d55e00;--s2:#00805d;--s3:#b0568a;--s4:#59636e;--s5:#a87400;"
    "--device:#a8d5f2;--edge:#3f93cc;--cloud:#0b4870;--on-device:#1b1f24;--on-edge:#0b0f14;--on-cloud:#ffffff"
)
DARK = (
    "--ink:#e6edf3;--soft:#9aa4ae;--page:#0f1419;--card:#181f26;--rule:#333d47;--good:#3fd0a0;--bad:#ff9455;"
    "--s0:#56b4e9;--s1:#ff8f45;--s2:#35c796;--s3:#e695c1;--s4:#9aa4ae;--s5:#e6b422;"
    "--device:#d3ebfa;--edge:#56a5da;--cloud:#25699b;--on-device:#0f1419;--on-edge:#0f1419;--on-cloud:#ffffff"
)
DASHES = ("none", "8 3", "2 3", "9 3 2 3", "5 2", "1 3")

PAGE = """
*{box-sizing:border-box}
body{margin:0 auto;padding:1.2rem 1rem 3rem;max-width:70rem;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.6rem;margin:0}h2{font-size:1.2rem;margin:2.4rem 0 .5rem;border-bottom:1px solid var(--rule)}
h3{font-size:1rem;margin:0 0 .4rem}p{margin:.5rem 0;max-width:48rem}
.soft,figcaption{color:var(--soft);font-size:.875rem}
.verdict{margin:1rem 0;padding:.6rem .9rem;border-left:6px solid var(--good);background:var(--card);font-weight:600;
max-width:none}
.verdict.bad{border-color:var(--bad)}.verdict ul{margin:.3rem 0 0;padding-left:1.2rem;font-weight:400}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:.8rem;margin:1rem 0}
.card{background:var(--card);border:1px solid var(--rule);border-radius:6px;padding:.7rem .9rem}
.card b{display:block;font-size:1.8rem;line-height:1.2}.card span{display:block}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));gap:1.6rem 2rem;margin:1rem 0}
figure{margin:0;min-width:0}figure svg{display:block;width:100%;height:auto;max-width:40rem}
figcaption{margin-top:.3rem}
.scroll{overflow-x:auto;margin:.2rem 0 1rem}
table{border-collapse:collapse;min-width:min(100%,24rem);font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .45rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}
thead th{vertical-align:bottom;font-weight:600}th .soft{display:block;font-weight:400}
.n{text-align:right}td.n{white-space:nowrap}tbody th{font-weight:600}.table tbody th{min-width:10.5rem}
td.words{min-width:11rem;overflow-wrap:anywhere}
.table tbody th,.table thead th:first-child{position:sticky;left:0;background:var(--page)}
.best{font-weight:700;text-decoration:underline;text-underline-offset:3px;text-decoration-thickness:2px}
.yes{color:var(--good);font-weight:600}.no{color:var(--bad);font-weight:700}.yes,.no{white-space:nowrap}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;font-size:.9375rem}
dd{margin:0}dt{color:var(--soft)}
ol.events{margin:1rem 0;padding-left:1.8rem;columns:26rem auto;column-gap:2rem;font-size:.875rem}
ol.events b{font-variant-numeric:tabular-nums}
@media (max-width:36rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}h1{font-size:1.35rem}
.table tbody th{min-width:8rem}}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--ink);
paint-order:stroke;stroke:var(--page);stroke-width:3px}
svg .tick,svg .unit,svg .label{font-size:11px;fill:var(--soft)}svg .label{fill:var(--ink)}
svg text.number{font-size:10px;fill:var(--page)}svg text.inside{stroke:none}circle.number{fill:var(--soft)}
.grid{stroke:var(--rule);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}
.event{fill:none;stroke:var(--soft);stroke-width:.8;stroke-dasharray:2 2;opacity:.7}
.node{fill:var(--card);stroke:var(--soft)}.flow-up,.flow-down{fill:none}.flow-up{stroke:var(--s0)}
.flow-down{stroke:var(--s1)}
"""

PAPER = """
@page{margin:12mm}
@media print{body{max-width:none;padding:0;font-size:10pt}.scroll{overflow:visible}figure,.card,tr{break-inside:avoid}
h2,h3{break-after:avoid}.pictures{grid-template-columns:1fr 1fr}.table table{font-size:8pt}
.table th,.table td{padding:.15rem .25rem;min-width:0}
.table th .soft{font-size:inherit}.table th{position:static!important}
.fill-0,.fill-1,.fill-device,.fill-edge,.fill-cloud{
print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def _series() -> str:
    rules = [
        f".line-{n}{{fill:none;stroke:var(--s{n});stroke-width:2;stroke-dasharray:{dash}}}"
        f".fill-{n}{{fill:var(--s{n})}}.band-{n}{{fill:var(--s{n});opacity:.16}}"
        for n, dash in enumerate(DASHES)
    ]
    rules += [f".fill-{z}{{fill:var(--{z})}}svg .on-{z}{{fill:var(--on-{z})}}" for z in ("device", "edge", "cloud")]
    return "\n".join([*rules, ".thin{stroke-width:1;stroke-dasharray:none}"])


STYLE = (
    f":root{{color-scheme:light dark;{LIGHT}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{DARK}}}}}"
    f"{PAGE}{_series()}{PAPER}"
)
