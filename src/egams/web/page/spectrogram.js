/* All m/z over temperature. */

import { make } from "./dom.js";
import { axis, draw, narrow, redrawSoon, TEMPERATURE } from "./plot.js";
import { degrees } from "./words.js";

const LEAST = -4;

export function spectrogramPanel(picture, name) {
  const place = make("div", { class: "plot spectrogram", role: "img" });
  const text = `All m/z of ${name}, less background, from ${degrees(picture.temperature[0])} to ${degrees(picture.temperature.at(-1))}: brighter is more, grey was not measured. The table of peaks has the numbers.`;
  place.setAttribute("aria-label", text);
  let windows = [];
  const { redraw, stop } = redrawSoon(place, show);

  async function show() {
    const data = [
      {
        type: "heatmap",
        x: picture.temperature,
        y: picture.mz,
        z: picture.log10,
        zmin: LEAST,
        zmax: 0,
        colorscale: "Viridis",
        hoverongaps: false,
        hovertemplate: "m/z %{y}, %{x:.0f} °C: 10<sup>%{z:.1f}</sup> of the largest<extra></extra>",
        colorbar: { thickness: 10, outlinewidth: 0, tickvals: [-4, -2, 0], ticktext: ["≤ 10⁻⁴", "10⁻²", "1"], len: 1, x: 1.01, xpad: 0 },
      },
    ];
    const layout = {
      hovermode: "closest",
      plot_bgcolor: "#e4e4e4",
      margin: { t: 24, r: narrow() ? 58 : 84, b: 44, l: narrow() ? 50 : 64 },
      xaxis: axis(TEMPERATURE, { showgrid: false }),
      yaxis: axis("m/z", { showgrid: false }),
      shapes: windows.flatMap((each) => each.ions.map((mz) => box(each, mz))),
      annotations: windows.map((each) => ({ x: each.start_degC, y: each.ions[0], xanchor: "right", text: each.letter, showarrow: false, bgcolor: "#fff", borderpad: 1, font: { size: 11, weight: 700 } })),
    };
    await draw(place, data, layout, `${name} spectrogram`);
  }
  redraw();
  const element = make("figure", {}, make("h3", { text: "All m/z, less background" }), place);
  return {
    element,
    shade(next) {
      windows = next;
      redraw();
    },
    close: stop,
  };
}

function box({ start_degC: start, end_degC: end }, mz) {
  return { type: "rect", x0: start, x1: end, y0: mz - 1.2, y1: mz + 1.2, line: { color: "#fff", width: 0.8 } };
}
