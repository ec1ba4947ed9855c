/* Plotly from its own wheel, loaded when the first plot is drawn; one look for all plots. */

import { reason } from "./api.js";
import { onReturn } from "./live.js";

const FONT = { family: '"DejaVu Sans", Verdana, Helvetica, sans-serif', size: 12, color: "#222" };
const QUIET = ["select2d", "lasso2d", "autoScale2d", "toggleSpikelines", "sendDataToCloud", "zoomIn2d", "zoomOut2d"];
export const TEMPERATURE = "sample temperature, °C";

let loading = null;

export function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `/static/plotly.min.js?v=${document.documentElement.dataset.version}`;
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = async () => {
      loading = null;
      script.remove();
      reject(await reason(script.src));
    };
    document.head.append(script);
  });
  return loading;
}

const small = window.matchMedia("(max-width: 700px)"); // as in style.css
export const narrow = () => small.matches;

export function axis(title, more = {}) {
  return { title: { text: title, standoff: 8 }, gridcolor: "#e4e4e4", linecolor: "#8a8a8a", zeroline: false, automargin: true, ticks: "outside", tickcolor: "#8a8a8a", ...more };
}

export async function draw(place, data, layout, name) {
  const Plotly = await plotly();
  if (!place.isConnected) return;
  const common = { font: FONT, margin: { t: 24, r: 12, b: 44, l: narrow() ? 50 : 64 }, showlegend: false, hovermode: "x", uirevision: "keep", paper_bgcolor: "#fff", plot_bgcolor: "#fff", hoverlabel: { bgcolor: "#fff", bordercolor: "#8a8a8a", font: FONT } };
  const options = {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: QUIET,
    displayModeBar: narrow() ? false : undefined,
    toImageButtonOptions: { filename: name, format: "png", scale: 3 },
  };
  await Plotly.react(place, data, { ...common, ...layout }, options);
  document.getElementById("js-plotly-tester")?.setAttribute("aria-hidden", "true");
}

/* What draws soon, and again when the page becomes narrow or wide. */
export function redrawSoon(place, doing) {
  let due = false;
  const redraw = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      if (place.classList.contains("flag")) {
        place.textContent = "";
        place.classList.remove("flag");
      }
      doing().catch((error) => {
        place.textContent = error.message;
        place.classList.add("flag");
      });
    });
  };
  small.addEventListener("change", redraw);
  const stay = onReturn(() => place.classList.contains("flag") && redraw());
  const stop = () => {
    stay();
    small.removeEventListener("change", redraw);
    globalThis.Plotly?.purge(place);
  };
  return { redraw, stop };
}

/* Plotly takes texts for a kind of HTML; a name is none. */
export function escaped(name) {
  return name.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
