package top

import (
	"cmp"
	"slices"
	"strings"

	"supervise/internal/api"
)

// order is what the table is sorted by; what is equal, by name.
type order int

const (
	byName order = iota
	byState
	byCPU
	byMemory
	byRestarts
	byUptime
	orders
)

// stateOrder has first what needs somebody.
var stateOrder = []string{"failed", "backoff", "stopping", "starting", "waiting", "running", "done", "stopped"}

func (m *Model) compare(a, b *api.Service) int {
	switch m.order {
	case byState:
		return cmp.Compare(slices.Index(stateOrder, a.State), slices.Index(stateOrder, b.State))
	case byCPU:
		return cmp.Compare(m.usage[b.Name].percent, m.usage[a.Name].percent)
	case byMemory:
		return cmp.Compare(memory(b), memory(a))
	case byRestarts:
		return cmp.Compare(b.Restarts, a.Restarts)
	case byUptime:
		return cmp.Compare(b.Uptime, a.Uptime)
	}
	return 0
}

func memory(s *api.Service) uint64 {
	if s.Memory == nil {
		return 0
	}
	return *s.Memory
}

// arrange chooses and sorts the rows. The selection stays with its service; if
// that is not there any more, with its place.
func (m *Model) arrange() {
	m.rows, m.longest = m.rows[:0], 0
	filter := strings.ToLower(m.filter)
	for i := range m.services {
		s := &m.services[i]
		if strings.Contains(strings.ToLower(s.Name), filter) || strings.HasPrefix(s.State, filter) {
			m.rows = append(m.rows, i)
			m.longest = max(m.longest, width(s.Name))
		}
	}
	slices.SortStableFunc(m.rows, func(i, j int) int {
		c := cmp.Or(m.compare(&m.services[i], &m.services[j]), cmp.Compare(i, j))
		if m.reversed {
			return -c
		}
		return c
	})
	for at, i := range m.rows {
		if m.services[i].Name == m.selected {
			m.cursor = at
			m.scrollToCursor()
			return
		}
	}
	m.moveTo(m.cursor)
}

// moveTo selects a row, or the nearest that there is.
func (m *Model) moveTo(at int) {
	m.cursor = max(0, min(at, len(m.rows)-1))
	m.selected = ""
	if len(m.rows) > 0 {
		m.selected = m.services[m.rows[m.cursor]].Name
	}
	m.scrollToCursor()
}

// scrollToCursor keeps the selected row in sight.
func (m *Model) scrollToCursor() {
	n := max(1, m.layout().table)
	m.first = max(min(m.first, m.cursor), m.cursor-n+1)
	m.first = max(0, min(m.first, len(m.rows)-n))
}
