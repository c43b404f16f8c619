def integerize(graph): return graph
