package api

import (
	"net/http"
	"strconv"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/protocol"
)

// alerts serves POST /v1/alerts. As with CrowdSec's servers, the answer has a number for each
// accepted alert.
func (h *Handler) alerts(w http.ResponseWriter, r *http.Request, by community.Caller) {
	taken, err := h.takeSignals(w, r, by)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	ids := make([]string, taken)
	for i := range ids {
		ids[i] = strconv.FormatUint(h.ids.Add(1), 10)
	}
	answer(w, http.StatusCreated, ids)
}

// takeSignals reads the signals or alerts in a request of a CrowdSec program. It returns how
// many the community accepted.
func (h *Handler) takeSignals(w http.ResponseWriter, r *http.Request, by community.Caller) (int, error) {
	if _, err := reporting(by, nil); err != nil {
		return 0, err
	}
	body, err := h.read(w, r, maxBody)
	if err != nil {
		return 0, err
	}
	var signals []community.Signal
	err = each(body, protocol.MaxSignals, func(s *engineSignal) {
		if cut, ok := s.cut(); ok {
			signals = append(signals, cut)
		}
	})
	if err != nil || len(signals) == 0 {
		return 0, err
	}
	took, err := h.centre.Accept(r.Context(), by, signals)
	return took.Accepted, err
}
