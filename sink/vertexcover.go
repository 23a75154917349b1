package sink

// vertexCover chooses nodes of a graph between rows and columns so that every
// edge has an end that is chosen, at the least sum of weights. edges names the
// columns of each row. It follows from the greatest flow from the rows to the
// columns (König): found with Dinic's method.
func vertexCover(rowWeight, colWeight []int, edges [][]int) (rows, cols []bool) {
	f := newFlow(rowWeight, colWeight, edges)
	for f.layer() {
		clear(f.next)
		for r := range rowWeight {
			for f.rowLeft[r] > 0 && f.level[r] == 0 {
				pushed := f.push(r, f.rowLeft[r])
				if pushed == 0 {
					break
				}
				f.rowLeft[r] -= pushed
			}
		}
	}
	rows, cols = make([]bool, len(rowWeight)), make([]bool, len(colWeight))
	for r := range rows {
		rows[r] = f.level[r] < 0
	}
	for c := range cols {
		cols[c] = f.level[len(rows)+c] >= 0
	}
	return rows, cols
}

// flow is a flow in progress. Nodes are the rows and behind them the columns;
// edges from a row to a column carry any amount.
type flow struct {
	rowLeft, colLeft []int // weight not used yet
	rows             int
	edges            [][]int       // columns of each row
	back             [][]backwards // rows that send to a column
	amount           [][]int       // along edges
	level            []int         // distance from a row with weight left, -1 when out of reach
	next             []int         // of each node, the edge to try next
	queue            []int
}

// backwards is an edge seen from its column.
type backwards struct{ row, edge int }

func newFlow(rowWeight, colWeight []int, edges [][]int) *flow {
	n := len(rowWeight) + len(colWeight)
	f := &flow{
		rowLeft: append([]int(nil), rowWeight...), colLeft: append([]int(nil), colWeight...), rows: len(rowWeight),
		edges: edges, back: make([][]backwards, len(colWeight)), amount: make([][]int, len(edges)),
		level: make([]int, n), next: make([]int, n), queue: make([]int, 0, n),
	}
	for r, cols := range edges {
		f.amount[r] = make([]int, len(cols))
		for e, c := range cols {
			f.back[c] = append(f.back[c], backwards{r, e})
		}
	}
	return f
}

// layer measures the distances and reports whether a column with weight left is
// in reach.
func (f *flow) layer() bool {
	queue := f.queue[:0]
	for i := range f.level {
		f.level[i] = -1
		if i < f.rows && f.rowLeft[i] > 0 {
			f.level[i] = 0
			queue = append(queue, i)
		}
	}
	found := false
	reach := func(node, level int) {
		if f.level[node] < 0 {
			f.level[node] = level
			queue = append(queue, node)
		}
	}
	for i := 0; i < len(queue); i++ {
		node := queue[i]
		if node < f.rows {
			for _, c := range f.edges[node] {
				reach(f.rows+c, f.level[node]+1)
			}
			continue
		}
		c := node - f.rows
		found = found || f.colLeft[c] > 0
		for _, b := range f.back[c] {
			if f.amount[b.row][b.edge] > 0 {
				reach(b.row, f.level[node]+1)
			}
		}
	}
	f.queue = queue
	return found
}

// push sends at most so much from a row to columns with weight left, always one
// layer further.
func (f *flow) push(r, most int) int {
	for ; f.next[r] < len(f.edges[r]); f.next[r]++ {
		e := f.next[r]
		c := f.edges[r][e]
		if f.level[f.rows+c] != f.level[r]+1 {
			continue
		}
		if pushed := f.through(c, most); pushed > 0 {
			f.amount[r][e] += pushed
			return pushed
		}
	}
	return 0
}

func (f *flow) through(c, most int) int {
	if pushed := min(most, f.colLeft[c]); pushed > 0 {
		f.colLeft[c] -= pushed
		return pushed
	}
	node := f.rows + c
	for ; f.next[node] < len(f.back[c]); f.next[node]++ {
		b := f.back[c][f.next[node]]
		taken := f.amount[b.row][b.edge]
		if taken == 0 || f.level[b.row] != f.level[node]+1 {
			continue
		}
		if pushed := f.push(b.row, min(most, taken)); pushed > 0 {
			f.amount[b.row][b.edge] -= pushed
			return pushed
		}
	}
	return 0
}
