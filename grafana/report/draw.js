"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
function draw() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const grid = { gridcolor: color("--line"), linecolor: color("--line"), zerolinecolor: color("--line"), automargin: true };
  const colors = dark.matches
    ? ["#6cb6ff", "#4ac26b", "#f0883e", "#d2a8ff", "#ff6b63", "#e3b341", "#56d4dd", "#f778ba", "#a5a8b5", "#b8e986", "#c69c6d"]
    : ["#0b62c4", "#1a7f37", "#bc4c00", "#8250df", "#cf222e", "#9a6700", "#0e7c86", "#bf3989", "#57606a", "#5b8c00", "#7a4f1d"];
  for (const place of document.querySelectorAll(".plot")) {
    const given = JSON.parse(place.querySelector("script").textContent);
    const target = place.querySelector("div") || place.appendChild(document.createElement("div"));
    target.style.height = "100%";
    for (const trace of given.traces) {
      if (trace.band) Object.assign(trace, { mode: "lines", line: { width: 0 }, hoverinfo: "y+name", fillcolor: "rgba(240, 136, 62, 0.22)" });
      else if (trace.mode) Object.assign(trace, { line: { width: 1.6 }, marker: { size: 3.5 } });
    }
    Plotly.react(target, given.traces, {
      barmode: given.barmode, colorway: colors, hovermode: "x unified",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: color("--text"), size: 11 }, margin: { l: 8, r: 8, t: 6, b: 8 },
      xaxis: { ...grid, ...given.xaxis }, yaxis: { ...grid, ...given.yaxis },
      hoverlabel: { bgcolor: color("--panel"), font: { color: color("--text") } },
      showlegend: given.traces.length > 1 || Boolean(given.named), legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", font: { size: 10 } },
    }, { displayModeBar: false, responsive: true });
  }
}
draw();
dark.addEventListener("change", draw);
