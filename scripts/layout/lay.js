// Lays out the graph of layout.go: JSON in, JSON out. `dagre` is a global.
globalThis.structuredClone ??= (v) => JSON.parse(JSON.stringify(v)); // the script engine has none; dagre copies plain data with it
function lay(text) {
  const graph = JSON.parse(text);
  const g = new dagre.graphlib.Graph({ compound: true, multigraph: true });
  g.setGraph({ rankdir: "TB", nodesep: 36, edgesep: 18, ranksep: 60, marginx: 0, marginy: 0 });
  for (const n of graph.nodes) g.setNode(n.id, { width: n.width, height: n.height });
  for (const n of graph.nodes) if (n.parent) g.setParent(n.id, n.parent);
  graph.edges.forEach((e, i) =>
    g.setEdge(e.from, e.to, { width: e.width, height: e.height, labelpos: "c", weight: e.weight || 1, minlen: 1 }, String(i)));
  dagre.layout(g);
  const round = (v) => Math.round(v * 10) / 10;
  const { width, height } = g.graph();
  return JSON.stringify({
    Width: round(width),
    Height: round(height),
    Nodes: graph.nodes.map(({ id }) => {
      const n = g.node(id);
      return { X: round(n.x), Y: round(n.y), Width: round(n.width), Height: round(n.height) };
    }),
    Edges: graph.edges.map((e, i) => {
      const at = g.edge(e.from, e.to, String(i));
      return { Points: at.points.map((p) => ({ X: round(p.x), Y: round(p.y) })), Label: { X: round(at.x || 0), Y: round(at.y || 0) } };
    }),
  });
}
