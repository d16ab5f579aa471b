package systemd

import (
	"slices"
	"strings"

	"supervise/internal/config"
	"supervise/internal/imports"
	"supervise/internal/unitfile"
)

// relate carries over what orders the units that are imported together.
func (u *unit) relate(units []*unit) {
	s := u.service
	if s == nil {
		return
	}
	after := u.mentioned(units, "After")
	for _, m := range u.mentioned(units, "Requires", "Requisite", "BindsTo", "PartOf") {
		if m.to.service == s {
			continue
		}
		edge := imports.Edge{To: m.to.service, At: m.from.At, Written: m.from.String()}
		ordered := slices.ContainsFunc(after, func(a mention) bool { return a.to == m.to })
		if m.from.Name != "PartOf" && !ordered {
			edge.For = config.NeedStarted // at the same time
		}
		edge.With = m.from.Name == "BindsTo" || m.from.Name == "PartOf"
		if m.from.Name == "PartOf" && !slices.ContainsFunc(s.Needs, func(e imports.Edge) bool { return e.To == edge.To }) {
			differs(s, "", m.from, m.to.service.Name+" is needed, too, since only what is needed can take others along", "")
		}
		if i := slices.IndexFunc(s.Needs, func(e imports.Edge) bool { return e.To == edge.To }); i >= 0 {
			s.Needs[i].With = s.Needs[i].With || edge.With
			continue
		}
		s.Needs = append(s.Needs, edge)
	}
	for _, m := range after {
		u.comesAfter(s, m.to.service, m.from)
	}
	for _, m := range u.mentioned(units, "Before") {
		u.comesAfter(m.to.service, s, m.from)
	}
	// What is wanted is in the configuration, and starts by itself.
	u.mentioned(units, "Wants", "Upholds")
	u.unit.take("RequiresMountsFor", "WantsMountsFor")
	for _, one := range u.own.list("Sockets") {
		for _, name := range strings.Fields(u.expand(one, one.Value)) {
			if !slices.ContainsFunc(units, func(other *unit) bool { return other.name == name && other.service == s }) {
				lost(s, "", one, name+" is not imported", "import both together")
			}
		}
	}
}

func (u *unit) comesAfter(s, first *imports.Service, one unitfile.Setting) {
	if s == nil || first == nil || s == first || slices.ContainsFunc(s.Needs, func(e imports.Edge) bool { return e.To == first && e.For == "" }) {
		return
	}
	s.After = append(s.After, imports.Edge{To: first, At: one.At, Written: one.String()})
}

// mention is a unit that is imported and that a setting names.
type mention struct {
	to   *unit
	from unitfile.Setting
}

// mentioned finds the units that settings name. Of those that are not imported
// it tells.
func (u *unit) mentioned(units []*unit, names ...string) []mention {
	var out []mention
	for _, name := range names {
		for _, one := range u.unit.list(name) {
			var missing []string
			for _, wanted := range strings.Fields(u.expand(one, one.Value)) {
				i := slices.IndexFunc(units, func(other *unit) bool { return other.isCalled(wanted) && other.service != nil })
				if i >= 0 {
					out = append(out, mention{units[i], one})
				} else {
					missing = append(missing, wanted)
				}
			}
			if len(missing) > 0 {
				one.Value = strings.Join(missing, " ")
				lost(u.service, "", one, "these are not imported", "import what it needs of them too, or order supervise itself, which is started by systemd or a container, after them")
			}
		}
	}
	return out
}

// isCalled says whether the unit has this name, or this alias.
func (u *unit) isCalled(name string) bool {
	if u.name == name {
		return true
	}
	for _, alias := range u.install.list("Alias") {
		if slices.Contains(strings.Fields(alias.Value), name) {
			return true
		}
	}
	return false
}
