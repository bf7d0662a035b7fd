package consensus

import "time"

// A topic is what a credit or a fault is about. An erased unit has none, so the time replaces it, and
// the number among those of one member at that time. Otherwise all that was about erased units
// would count once, and attackers could erase what members earned with them.
type topic struct {
	unit Unit
	at   int64 // of an erased unit
	nth  int
}

type source struct {
	member MemberID
	at     int64
}

// topics number what is about erased units.
type topics map[source]int

func (t topics) of(member MemberID, unit Unit, at time.Time) topic {
	if unit.IsValid() {
		return topic{unit: unit}
	}
	from := source{member, at.UnixNano()}
	t[from]++
	return topic{at: from.at, nth: t[from]}
}
