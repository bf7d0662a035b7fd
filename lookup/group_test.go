package lookup

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
)

func TestGroupsCountWhatIsHeld(t *testing.T) {
	var table Table
	if got := table.Groups(); len(got) != 0 {
		t.Errorf("an empty table has %v", got)
	}
	from := func(origin, p string, a Action) Decision {
		return Decision{Prefix: prefix(p), Action: a, Origin: origin, Reason: p}
	}
	table.Replace("lapi", []Decision{from("CAPI", "192.0.2.1", Ban), from("CAPI", "192.0.2.2", Ban), from("CAPI", "192.0.2.2", Captcha), from("cscli", "192.0.2.3", Ban)})
	table.Replace("list", []Decision{from("lists:a", "192.0.2.1", Ban)})
	table.Update("lapi", []Decision{from("cscli", "192.0.2.1", Ban)}, []Decision{from("", "192.0.2.2", Captcha)})
	got := table.Groups()
	slices.SortFunc(got, func(a, b Group) int { return cmp.Compare(a.Origin, b.Origin) })
	want := []Group{{"lapi", "CAPI", Ban, 1}, {"lapi", "cscli", Ban, 2}, {"list", "lists:a", Ban, 1}}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if table.Len() != 4 || table.Count("lapi") != 3 {
		t.Errorf("%d held, %d by lapi", table.Len(), table.Count("lapi"))
	}
}

func TestGroupsAreBounded(t *testing.T) {
	var table Table
	var all []Decision
	for i := range 3 * 256 {
		all = append(all, Decision{Prefix: prefix(fmt.Sprintf("10.0.%d.%d", i/256, i%256)), Action: Ban, Origin: fmt.Sprint("made up ", i)})
	}
	table.Replace("lapi", all)
	if n := len(table.Groups()); n > 256+int(Ban) || table.Count("lapi") != len(all) {
		t.Errorf("%d groups for %d decisions", n, table.Count("lapi"))
	}
	table.Replace("lapi", all[len(all)-1:])
	if table.Len() != 1 || len(table.Groups()) != 1 {
		t.Errorf("left are %v", table.Groups())
	}
}
