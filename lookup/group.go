package lookup

import "slices"

// A Group counts the decisions of one source with the same origin and action.
type Group struct {
	Source, Origin string
	Action         Action
	Decisions      int // including expired ones that were not freed yet
}

const (
	// maxGroups limits the memory for a source with invented origins.
	maxGroups = 256
	// otherOrigins is the origin of all further groups.
	otherOrigins = "other"
)

// Groups returns the number of decisions of each source, origin and action, in
// no fixed order. It takes no longer for a large table than for a small one.
// Beyond 256 groups, origins are counted together, as "other".
func (t *Table) Groups() []Group {
	return slices.DeleteFunc(slices.Clone(t.groups()), func(g Group) bool { return g.Decisions == 0 })
}

func (t *Table) groups() []Group {
	if s := t.cur.Load(); s != nil {
		return s.groups
	}
	return nil
}

// groupIndex returns where a new kind is counted.
func (d *draft) groupIndex(k kind) uint16 {
	g := Group{Source: k.source, Origin: k.origin, Action: k.action}
	if i := d.findGroup(g); i >= 0 {
		return uint16(i)
	}
	if len(d.groups) >= maxGroups {
		g.Origin = otherOrigins
		if i := d.findGroup(g); i >= 0 {
			return uint16(i)
		}
	}
	d.groups, d.wideOf = append(d.groups, g), append(d.wideOf, covered{})
	return uint16(len(d.groups) - 1)
}

func (d *draft) findGroup(g Group) int {
	return slices.IndexFunc(d.groups, func(have Group) bool {
		return have.Source == g.Source && have.Origin == g.Origin && have.Action == g.Action
	})
}
