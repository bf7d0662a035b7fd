package lapitest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// usage is what the server checks of a push of usage metrics. Pointers tell a
// missing key from a zero.
type usage struct {
	Components []struct {
		Version string   `json:"version"`
		Startup *int64   `json:"utc_startup_timestamp"`
		Flags   []string `json:"feature_flags"`
		Metrics []struct {
			Meta *struct {
				Window *int64 `json:"window_size_seconds"`
				Now    *int64 `json:"utc_now_timestamp"`
			} `json:"meta"`
			Items []struct {
				Name   string            `json:"name"`
				Value  *float64          `json:"value"`
				Unit   string            `json:"unit"`
				Labels map[string]string `json:"labels"`
			} `json:"items"`
		} `json:"metrics"`
	} `json:"remediation_components"`
	Processors []json.RawMessage `json:"log_processors"`
}

// usageMetrics takes in what a bouncer has counted; the request stays in
// Requests. Generation Old does not know the path.
func usageMetrics(w http.ResponseWriter, r *http.Request, _ *bouncer) {
	var u usage
	if err := json.NewDecoder(r.Body).Decode(&u); err != nil {
		message(w, http.StatusBadRequest, err.Error())
		return
	}
	if len(u.Components) != 1 || len(u.Processors) > 0 {
		message(w, http.StatusBadRequest, "Missing remediation component data")
		return
	}
	if missing := u.missing(); len(missing) > 0 {
		message(w, http.StatusUnprocessableEntity, "validation failure list:\n"+strings.Join(missing, "\n"))
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func (u *usage) missing() []string {
	var missing []string
	need := func(there bool, what string) {
		if !there {
			missing = append(missing, what+" in body is required")
		}
	}
	for _, c := range u.Components {
		need(c.Version != "", "version")
		need(c.Startup != nil, "utc_startup_timestamp")
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
	return missing
}
