export function App() {
  return <main><h1>fhirbus diagnostics</h1></main>;
}
