package metrics

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A dashboard is what Grafana needs of one.
type dashboard struct {
	Title         string
	UID           string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Type string
			Query      any // a text, or an object with one
			Definition string
		}
	}
	Panels []panel
}

type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource datasource
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct {
		RefID        string
		Datasource   datasource
		Expr         string
		LegendFormat string
	}
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
}

type datasource struct{ Type, UID string }

func loadDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("../examples/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboardHasWhatGrafanaNeeds(t *testing.T) {
	d := loadDashboard(t)
	if d.Title == "" || d.UID == "" || len(d.UID) > 40 || d.SchemaVersion < 36 {
		t.Errorf("title %q, uid %q, schema version %d", d.Title, d.UID, d.SchemaVersion)
	}
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
	}
	if variables["datasource"] != "datasource" {
		t.Errorf("there is no choice of a data source: %v", variables)
	}
	wanted := datasource{"prometheus", "${datasource}"}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		switch {
		case p.ID <= 0 || ids[p.ID]:
			t.Errorf("%s: id %d", p.Title, p.ID)
		case p.Title == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource != wanted || len(p.Targets) == 0:
			t.Errorf("panel %d is incomplete: %+v", p.ID, p)
		case !slices.Contains([]string{"stat", "timeseries", "table"}, p.Type):
			t.Errorf("%s: type %q", p.Title, p.Type)
		}
		ids[p.ID] = true
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if target.RefID == "" || refs[target.RefID] || target.Expr == "" || target.Datasource != wanted {
				t.Errorf("%s: query %+v", p.Title, target)
			}
			refs[target.RefID] = true
			for _, v := range regexp.MustCompile(`\$\w+`).FindAllString(target.Expr, -1) {
				if _, ok := variables[v[1:]]; !ok && v != "$__rate_interval" {
					t.Errorf("%s: no variable is called %s", p.Title, v)
				}
			}
		}
	}
}

func TestDashboardsPanelsDoNotOverlap(t *testing.T) {
	taken := map[[2]int]string{}
	for _, p := range loadDashboard(t).Panels {
		g := p.GridPos
		if g.W <= 0 || g.H <= 0 || g.X < 0 || g.Y < 0 || g.X+g.W > 24 {
			t.Errorf("%s: lies at %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// inSelectors finds a metric with its selector, and inGroups the labels that
// results are told apart by.
var (
	inSelectors = regexp.MustCompile(`(tocsin_\w+)(?:\{([^}]*)\})?`)
	inGroups    = regexp.MustCompile(`\bby \(([^)]*)\)`)
	inLegends   = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	matchers    = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
)

// labelsIn returns the labels that expr and legend take each metric in expr to
// have.
func labelsIn(expr, legend string) map[string][]string {
	var shared []string
	for _, m := range inGroups.FindAllStringSubmatch(expr, -1) {
		for l := range strings.SplitSeq(m[1], ",") {
			shared = append(shared, strings.TrimSpace(l))
		}
	}
	for _, m := range inLegends.FindAllStringSubmatch(legend, -1) {
		shared = append(shared, m[1])
	}
	labels := map[string][]string{}
	for _, m := range inSelectors.FindAllStringSubmatch(expr, -1) {
		labels[m[1]] = append(labels[m[1]], shared...)
		for _, l := range matchers.FindAllStringSubmatch(m[2], -1) {
			labels[m[1]] = append(labels[m[1]], l[1])
		}
	}
	return labels
}

// histogramParts are the counters that make a histogram, by their ends.
var histogramParts = []string{"_bucket", "_sum", "_count"}

func isCounter(metric string) bool {
	return slices.ContainsFunc(append(histogramParts, "_total"), func(end string) bool { return strings.HasSuffix(metric, end) })
}

func TestDashboardAndMetricsKnowEachOther(t *testing.T) {
	d, collected := loadDashboard(t), byName(t, everything(t))
	for _, m := range ofWAF { // which has a collector of its own
		collected[m.name] = m.labels
	}
	used := map[string]bool{}
	check := func(where, expr, legend string) {
		for metric, labels := range labelsIn(expr, legend) {
			// A histogram is asked for in parts.
			for _, part := range histogramParts {
				metric = strings.TrimSuffix(metric, part)
			}
			used[metric] = true
			have, ok := collected[metric]
			if !ok {
				t.Errorf("%s: there is no metric %s", where, metric)
			}
			for _, l := range labels {
				// Prometheus adds the instance, and the bound of a bucket is none of ours.
				if ok && l != "instance" && l != "le" && !slices.Contains(have, l) {
					t.Errorf("%s: %s has no label %s, but %q", where, metric, l, have)
				}
			}
		}
	}
	for _, v := range d.Templating.List {
		if name, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			metric, label, _ := strings.Cut(strings.TrimSuffix(name, ")"), ", ")
			check("variable "+v.Name, metric+" by ("+label+")", "")
		}
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			check(p.Title, target.Expr, target.LegendFormat)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(collected)) {
		if !used[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// The rate of a gauge is nonsense, and a counter without its rate as well.
func TestDashboardTakesRatesOfCountersOnly(t *testing.T) {
	rated := regexp.MustCompile(`rate\((tocsin_\w+)`)
	for _, p := range loadDashboard(t).Panels {
		for _, target := range p.Targets {
			var rates []string
			for _, m := range rated.FindAllStringSubmatch(target.Expr, -1) {
				rates = append(rates, m[1])
			}
			for metric := range labelsIn(target.Expr, "") {
				if counter := isCounter(metric); counter != slices.Contains(rates, metric) {
					t.Errorf("%s: %s", p.Title, target.Expr)
				}
			}
		}
	}
}
