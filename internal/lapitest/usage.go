package lapitest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// usage has the fields that the server checks in a push of usage metrics. Pointers
// distinguish a missing key from a zero.
type usage struct {
	Components []component `json:"remediation_components"`
	Processors []struct {
		component

		Datasources map[string]int64 `json:"datasources"`
		Items       map[string][]any `json:"hub_items"`
	} `json:"log_processors"`
}

// A component has the fields that bouncers and machines both report.
type component struct {
	Version string   `json:"version"`
	Startup *int64   `json:"utc_startup_timestamp"`
	Flags   []string `json:"feature_flags"`
	System  *struct {
		Name    *string `json:"name"`
		Version *string `json:"version"`
	} `json:"os"`
	Metrics []struct {
		Meta *struct {
			Window *int64 `json:"window_size_seconds"`
			Now    *int64 `json:"utc_now_timestamp"`
		} `json:"meta"`
		Items []usageItem `json:"items"`
	} `json:"metrics"`
}

type usageItem struct {
	Name   string            `json:"name"`
	Value  *float64          `json:"value"`
	Unit   string            `json:"unit"`
	Labels map[string]string `json:"labels"`
}

// usageMetrics takes in what a bouncer or a machine has counted; the request stays
// in Requests. Generation Old does not know the path.
func (h *Handler) usageMetrics(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Api-Key") == "" && r.Header.Get("Authorization") != "" {
		h.asMachine(func(w http.ResponseWriter, r *http.Request, name string) {
			h.takeUsage(w, r, name, true)
		})(w, r)
		return
	}
	h.asBouncer(func(w http.ResponseWriter, r *http.Request, _ *bouncer) {
		key, _ := h.bouncerKey(r)
		h.takeUsage(w, r, key, false)
	})(w, r)
}

// takeUsage takes in a push of the machine of this name, or the bouncer of this key.
func (h *Handler) takeUsage(w http.ResponseWriter, r *http.Request, by string, isMachine bool) {
	var u usage
	if err := json.NewDecoder(r.Body).Decode(&u); err != nil {
		message(w, http.StatusBadRequest, err.Error())
		return
	}
	switch {
	case isMachine && len(u.Processors) != 1:
		message(w, http.StatusBadRequest, "Missing log processor data")
		return
	case !isMachine && (len(u.Components) != 1 || len(u.Processors) > 0):
		message(w, http.StatusBadRequest, "Missing remediation component data")
		return
	}
	if missing := u.missing(); len(missing) > 0 {
		message(w, http.StatusUnprocessableEntity, "validation failure list:\n"+strings.Join(missing, "\n"))
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if isMachine {
		h.systems[by] = u.Processors[0].system()
	} else {
		h.systems[by] = u.Components[0].system()
		h.metrics[by] = append(h.metrics[by], u.Components[0].items()...)
	}
	w.WriteHeader(http.StatusCreated)
}

// system returns what cscli shows of an operating system, such as debian/12.
func (c *component) system() string {
	if c.System == nil {
		return ""
	}
	return strings.Trim(*c.System.Name+"/"+*c.System.Version, "/")
}

// items returns the different items: of those with one name, unit, origin, type of
// address and value the server takes one.
func (c *component) items() []usageItem {
	var all []usageItem
	seen := map[string]bool{}
	for _, m := range c.Metrics {
		for _, i := range m.Items {
			if alike := fmt.Sprint(i.title(), *i.Value); !seen[alike] {
				seen[alike] = true
				all = append(all, i)
			}
		}
	}
	return all
}

// title is what cscli files an item under, such as "dropped request CAPI ipv4".
func (i *usageItem) title() string {
	return strings.Join(strings.Fields(i.Name+" "+i.Unit+" "+i.Labels["origin"]+" "+i.Labels["ip_type"]), " ")
}

// Metrics returns what `cscli metrics show bouncers` makes of all that a bouncer has
// reported: the sum of what it has counted, and of its gauges the last value of each.
// They are filed under name, unit, origin and type of address.
func (h *Handler) Metrics(key string) map[string]float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	shown := map[string]float64{}
	for _, i := range h.metrics[key] {
		if i.Name == "active_decisions" || strings.HasSuffix(i.Name, "_gauge") {
			shown[i.title()] = 0
		}
		shown[i.title()] += *i.Value
	}
	return shown
}

// System returns the operating system of a bouncer, by its key, or of a machine, by its
// name, as cscli shows it: "?" if it has told of none.
func (h *Handler) System(of string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return cmp.Or(h.systems[of], "?")
}

func (u *usage) missing() []string {
	var missing []string
	need := func(there bool, what string) {
		if !there {
			missing = append(missing, what+" in body is required")
		}
	}
	for i := range u.Components {
		u.Components[i].check(need)
	}
	for i := range u.Processors {
		p := &u.Processors[i]
		p.check(need)
		need(p.Datasources != nil, "datasources")
		need(p.Items != nil, "hub_items")
	}
	return missing
}

func (c *component) check(need func(there bool, what string)) {
	need(c.Version != "", "version")
	need(c.Startup != nil, "utc_startup_timestamp")
	if c.System != nil {
		need(c.System.Name != nil, "os.name")
		need(c.System.Version != nil, "os.version")
	}
	for _, m := range c.Metrics {
		need(m.Items != nil, "items")
		need(m.Meta != nil, "meta")
		if m.Meta != nil {
			need(m.Meta.Window != nil, "meta.window_size_seconds")
			need(m.Meta.Now != nil, "meta.utc_now_timestamp")
		}
		for _, i := range m.Items {
			need(i.Name != "", "name")
			need(i.Value != nil, "value")
			need(i.Unit != "", "unit")
		}
	}
}
