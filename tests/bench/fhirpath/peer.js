// usage: node peer.js NODE_MODULES DATA EXPRESSIONS SECONDS
// npm fhirpath on the same expressions: compiled once, the resource parsed once. Prints JSON:
// evaluations per CPU-second for each line.
const path = require('path'), fs = require('fs');
const [modules, data, list, seconds] = process.argv.slice(2);
const fhirpath = require(path.join(modules, 'fhirpath'));
const r4 = require(path.join(modules, 'fhirpath/fhir-context/r4'));
const resources = {};
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e6; };
for (const line of fs.readFileSync(list, 'utf8').split('\n')) {
  if (!line || line[0] === '#') continue;
  const [file, text] = line.split('\t');
  resources[file] ??= JSON.parse(fs.readFileSync(path.join(data, file), 'utf8'));
  let rate = null, count = null;
  try {
    const run = fhirpath.compile(text, r4);
    count = run(resources[file]).length;
    for (let i = 0; i < 20; i++) run(resources[file]);
    const start = cpu();
    let n = 0, used;
    do { for (let i = 0; i < 10; i++) run(resources[file]); n += 10; used = cpu() - start; } while (used < seconds);
    rate = n / used;
  } catch (e) { rate = null; }
  console.log(JSON.stringify({ file, expr: text, rate, count }));
}
