package detect

import (
	"strconv"
	"strings"
)

// CrowdSec's AppSec turns matches of its rules into events. Scenarios distinguish them from
// events of access logs by evt.Meta.log_type. Here they are events with a finding. A
// scenario sees either findings, if its filter uses the names that CrowdSec's parser gives
// them, or requests.
const (
	serviceHTTP    = "http"
	serviceAppSec  = "appsec"
	logTypeHTTP    = "http_access-log"
	logTypeStopped = "appsec-block"
	logTypeTold    = "appsec-info"
)

// asksFindings reports whether the scenario is for events with findings.
func (s *scenario) asksFindings() bool {
	for _, e := range s.expressions() {
		for _, word := range []string{logTypeStopped, logTypeTold, "evt.Meta.rule_name"} {
			if strings.Contains(e.source, word) {
				return true
			}
		}
	}
	return false
}

// asksRequests reports whether the scenario is for requests.
func (s *scenario) asksRequests() bool {
	return !s.asksFindings() || strings.Contains(s.filter.source, logTypeHTTP)
}

func (v *view) service() (string, bool) {
	if v.evt.Finding != nil {
		return serviceAppSec, true
	}
	return serviceHTTP, true
}

func (v *view) logType() (string, bool) {
	switch f := v.evt.Finding; {
	case f == nil:
		return logTypeHTTP, true
	case f.Stopped && !f.Likely:
		return logTypeStopped, true
	}
	return logTypeTold, true
}

func (v *view) ruleName() (string, bool) {
	if v.evt.Finding == nil {
		return "", false
	}
	return v.evt.Finding.Rule, true
}

func (v *view) matchedZones() (string, bool) {
	if v.evt.Finding == nil {
		return "", false
	}
	return strings.Join(v.evt.Finding.Zones, ","), true
}

func (v *view) targetURI() (string, bool) {
	if v.evt.Finding == nil {
		return "", false
	}
	return clip(v.evt.Finding.Target), true
}

// ruleLikely reports whether a rule that is not certain stopped a request.
func (v *view) ruleLikely() (string, bool) {
	f := v.evt.Finding
	if f == nil {
		return "", false
	}
	return strconv.FormatBool(f.Stopped && f.Likely), true
}
