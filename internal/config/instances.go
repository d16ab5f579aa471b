package config

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// maxInstances is far above what one machine runs, and below what a slip of
// the finger would make it try.
const maxInstances = 10_000

// nameForm is what a service may be called. Names become parts of paths, of
// cgroups and of what people type in a shell.
var nameForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(@[1-9][0-9]{0,4})?$`)
})

// service makes the drafts of one service: one, or one for each instance.
func (l *loader) service(name string, n *node, where Position) {
	if !nameForm().MatchString(name) {
		l.failAt(where, n.path, fmt.Sprintf("%q cannot be the name of a service", name),
			"names are of letters, digits, '_', '-' and '.', with @NUMBER behind them for one instance")
		return
	}
	if !n.isTable {
		l.fail(n, "is "+n.kind()+", expected a table", "write [services.NAME]")
		return
	}
	count := instancesOf(&l.report, n)
	if count == 0 {
		count = max(1, instancesOf(&l.report, l.defaults))
	}
	template, instance := splitName(name)
	if own := n.entry("instances"); instance > 0 {
		if own != nil && count > 1 {
			l.fail(own, fmt.Sprintf("%s is one instance already", name), "call it "+template)
		}
		count = 1
	}
	for i := range count {
		full, number := name, instance
		if count > 1 {
			full, number = fmt.Sprintf("%s@%d", name, i+1), i+1
		}
		l.drafts = append(l.drafts, l.draft(full, template, number, n, where))
	}
}

// draft reads one instance of a service.
func (l *loader) draft(name, template string, instance int, n *node, where Position) *draft {
	kind := kindOf(n, kindOf(l.defaults, Daemon))
	d := newDraft(name, template, instance, kind, where, n.path)
	d.Dir = absolute(where.File, ".")
	if l.defaults != nil {
		apply(d, &l.report, l.defaults, serviceKeys(), d.places, "")
		if kind == Task {
			// The defaults of a configuration are written with services in
			// mind: a task that runs again says so itself.
			d.Restart.When = Defaults(Task).Restart.When
			delete(d.places, "restart.when")
		}
	}
	apply(d, &l.report, n, serviceKeys(), d.places, "")
	d.finish(&l.report)
	return d
}

// instancesOf gives the number of instances that a table asks for, 0 when it
// does not say or says something wrong.
func instancesOf(r *report, table *node) int {
	n := table.entry("instances")
	if n == nil {
		return 0
	}
	count, _ := wholeWithin(1, maxInstances)(r, n)
	return count
}

// kindOf gives the kind that a table says, when it says one. What is wrong
// with it is reported when the key is read.
func kindOf(table *node, otherwise Kind) Kind {
	n := table.entry("kind")
	if n == nil {
		return otherwise
	}
	if kind, ok := oneOf(Daemon, Task)(&report{}, n); ok {
		return kind
	}
	return otherwise
}

// splitName parts "web@2" into "web" and 2; the number of "web" is 0.
func splitName(name string) (template string, instance int) {
	template, number, found := strings.Cut(name, "@")
	if !found {
		return name, 0
	}
	instance, _ = strconv.Atoi(number)
	return template, instance
}

// compareNames puts services in order, web@2 before web@10.
func compareNames(a, b Service) int {
	return cmp.Or(cmp.Compare(a.Template, b.Template), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Name, b.Name))
}
