package main

import "fmt"

// furtherMemory is what each service more costs its supervisor: the slope of the
// memory between two sizes of fleets, which no fixed cost is in. Each round is
// compared with itself. nil when there are no two sizes.
func furtherMemory(tables []*table, sizes []int, rows []string) *table {
	t := newTable("further", "Memory for each further service", rows)
	for i := 1; i < len(sizes); i++ {
		few, many := find(tables, fleetKey(sizes[i-1])), find(tables, fleetKey(sizes[i]))
		if few == nil || many == nil || sizes[i] <= sizes[i-1] {
			continue
		}
		column := metric{Name: fmt.Sprintf("%s to %s", thousands(sizes[i-1]), thousands(sizes[i])), Unit: "KB", Decimals: 2}
		t.Metrics = append(t.Metrics, column)
		for _, row := range rows {
			a, b := few.values(row, fleetMemory), many.values(row, fleetMemory)
			for round := range min(len(a), len(b)) {
				t.add(row, column.Name, 1024*(b[round]-a[round])/float64(sizes[i]-sizes[i-1]))
			}
		}
	}
	if len(t.Metrics) == 0 {
		return nil
	}
	t.note("PSS of all supervising processes: what is more at the larger size, for each service that it has more.")
	return t
}
