import { useState } from "react";

import { journeys } from "./content.js";

export default function Journey() {
  const [shown, show] = useState(0);
  return (
    <section className="journey" aria-label="What happens on an upload">
      <div className="tabs" role="tablist">
        {journeys.map(({ title }, index) => (
          <button key={title} type="button" role="tab" aria-selected={index === shown} onClick={() => show(index)}>
            {title}
          </button>
        ))}
      </div>
      <ol role="tabpanel">
        {journeys[shown].steps.map(({ where, what }) => (
          <li key={where}>
            <strong>{where}</strong>
            <span>{what}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
