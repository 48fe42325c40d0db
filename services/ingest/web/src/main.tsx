import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/panels.css";
import "./style/grid.css";
import "./style/code.css";
import "./style/json.css";
import { render } from "preact";
import { App } from "./App.tsx";

render(<App />, document.getElementById("app")!);
