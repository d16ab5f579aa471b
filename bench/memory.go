package main

import (
	"fmt"
	"time"
)

// idleMemory measures what a wrapper occupies while its program sleeps.
func idleMemory(b *bench) (func(int), []*table) {
	wrappers := b.wrappersBut(bare)
	rows := append(b.wrapperNames(bare), b.goFloorRow()...)
	t := newTable("memory", "Memory of a wrapper whose program sleeps", rows,
		metric{Name: "RSS", Unit: "KB"}, metric{Name: "PSS", Unit: "KB"})
	t.note("Of the wrapper alone, as PID 1 of a namespace. PSS counts a page that n processes share as a n-th: who links the libc dynamically gains by every other process on the machine that does.")

	alone := map[string]wrapper{goFloor: {name: goFloor, prefix: []string{b.tools.path("gosleep")}}}
	for _, w := range wrappers {
		alone[w.name] = w
	}
	return func(turn int) {
		b.progress(turn, "memory")
		for _, row := range rotate(rows, turn) {
			command, children := alone[row].run("sleep", "600"), 1
			if row == goFloor {
				command, children = alone[row].prefix, 0
			}
			m, err := b.memoryOfPID1(command, children)
			if err != nil {
				t.fail(row, err)
				continue
			}
			t.add(row, "RSS", m.rss)
			t.add(row, "PSS", m.pss)
		}
	}, []*table{t}
}

// memoryOfPID1 starts a command, waits for its children to be there, and for
// everything to come to rest, and reads the memory of the command itself.
func (b *bench) memoryOfPID1(command []string, children int) (m memory, err error) {
	s, err := b.enter(30*time.Second, nil, append([]string{b.tools.path("stage")}, command...)...)
	if err != nil {
		return m, err
	}
	defer s.close()
	for deadline := time.Now().Add(10 * time.Second); len(descendants(s.pid())) < children; {
		if time.Now().After(deadline) {
			return m, s.complaint(fmt.Errorf("%s: no child within 10 s", command[0]))
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(b.amounts.settle)
	m, err = memoryOf([]int{s.pid()})
	if err != nil || m.rss == 0 {
		return m, s.complaint(fmt.Errorf("%s: it has ended instead of waiting for its child (%v)", command[0], err))
	}
	return m, nil
}
