package lapi

import "time"

// A usageReport has the API's format. It must have exactly one component of a bouncer,
// or exactly one processor of a machine. Metrics is a list, although the published
// specification differs.
type usageReport struct {
	Components []usageComponent `json:"remediation_components"`
	Processors []usageProcessor `json:"log_processors"`
}

type usageComponent struct {
	Name    string           `json:"name"`
	Type    string           `json:"type"`
	Version string           `json:"version"` // the same as in the user agent, because each overwrites the other
	System  *operatingSystem `json:"os,omitempty"`
	Flags   []string         `json:"feature_flags"`
	Started int64            `json:"utc_startup_timestamp"`
	Metrics []usageMetrics   `json:"metrics"`
}

// A usageProcessor is a machine. This one reads no logs and has nothing from the hub.
type usageProcessor struct {
	usageComponent

	Datasources map[string]int64    `json:"datasources"`
	Items       map[string][]string `json:"hub_items"`
}

type usageMetrics struct {
	Meta struct {
		Window int64 `json:"window_size_seconds"`
		Now    int64 `json:"utc_now_timestamp"`
	} `json:"meta"`
	Items []usageItem `json:"items"`
}

type usageItem struct {
	Name   string            `json:"name"`
	Value  uint64            `json:"value"`
	Unit   string            `json:"unit"`
	Labels map[string]string `json:"labels,omitempty"`
}

// report returns the report of the bouncer.
func (u *usageReporter) report(now time.Time, items []UsageItem) usageReport {
	return usageReport{Components: []usageComponent{u.component(now, items)}}
}

// introduction returns the report of the machine.
func (u *usageReporter) introduction(now time.Time) usageReport {
	return usageReport{Processors: []usageProcessor{{
		usageComponent: u.component(now, nil),
		Datasources:    map[string]int64{}, Items: map[string][]string{},
	}}}
}

func (u *usageReporter) component(now time.Time, items []UsageItem) usageComponent {
	m := usageMetrics{Items: make([]usageItem, 0, len(items))}
	m.Meta.Window = int64(now.Sub(u.ledger.since).Round(time.Second) / time.Second)
	m.Meta.Now = now.Unix()
	for _, i := range items {
		m.Items = append(m.Items, i.wire())
	}
	return usageComponent{
		Name: u.name, Type: component, Version: "v" + Version, System: u.system, Flags: []string{},
		Started: u.born.Unix(), Metrics: []usageMetrics{m},
	}
}
