package api

import (
	"encoding/json"
	"net/http"

	"github.com/tocsin-project/tocsin/community"
)

// localMetrics serves POST /v1/usage-metrics. A community does not use its members' metrics,
// so it accepts and drops a report in the right form.
func (h *Handler) localMetrics(w http.ResponseWriter, r *http.Request, _ community.Caller) {
	var in struct {
		Components []component `json:"remediation_components"`
		Processors []component `json:"log_processors"`
	}
	if err := h.readJSON(w, r, maxBody, &in); err != nil {
		h.fail(w, r, err)
		return
	}
	all := append(in.Components, in.Processors...)
	switch {
	case len(all) != 1:
		refuse(w, http.StatusBadRequest, "Missing remediation component data: want one component")
	case all[0].Version == "" || all[0].Started == nil:
		refuse(w, http.StatusUnprocessableEntity, "validation failure list:\nversion and utc_startup_timestamp in body are required")
	default:
		w.WriteHeader(http.StatusCreated)
	}
}

type component struct {
	Version string `json:"version"`
	Started *int64 `json:"utc_startup_timestamp"`
}

// centralMetrics serves POST …/metrics and …/usage-metrics of the Central API, in the same
// way.
func (h *Handler) centralMetrics(w http.ResponseWriter, r *http.Request, _ community.Caller) {
	var in json.RawMessage
	if err := h.readJSON(w, r, maxBody, &in); err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, allRight)
}

var allRight = map[string]string{"message": "OK"}
