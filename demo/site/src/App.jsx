import isthmus from "./assets/isthmus.svg";
import { headline, lead, promises } from "./content.js";
import Journey from "./Journey.jsx";

export default function App() {
  return (
    <>
      <header className="hero">
        <p className="name">Isthmus</p>
        <h1>{headline}</h1>
        <p className="lead">{lead}</p>
        <img src={isthmus} alt="A strip of land joins two shores across the sea" width="1280" height="360" />
      </header>
      <main>
        <Journey />
        <section className="promises" aria-label="What it promises">
          {promises.map(({ title, text }) => (
            <article key={title}>
              <h2>{title}</h2>
              <p>{text}</p>
            </article>
          ))}
        </section>
      </main>
    </>
  );
}
