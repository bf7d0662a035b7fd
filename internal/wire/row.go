package wire

// readRow reads one decision inside depth containers.
func (d *Decoder) readRow(section Section, depth int) error {
	if err := d.open('{', "a decision"); err != nil {
		return err
	}
	d.row = Row{Section: section, Value: d.row.Value[:0], Duration: d.row.Duration[:0]}
	for first := true; ; first = false {
		more, err := d.more('}', first)
		if !more {
			return err
		}
		key, err := d.key()
		if err != nil {
			return err
		}
		f := fieldOf(key)
		if err := d.colon(); err != nil {
			return err
		}
		switch f {
		case fieldOther:
			err = d.skip(depth)
		case fieldID:
			d.row.ID, err = d.id(depth)
		default:
			err = d.readField(f)
		}
		if err != nil {
			return err
		}
	}
}

// A field is a key of a decision that is read.
type field uint8

const (
	fieldOrigin field = iota // the first four index Decoder.last
	fieldScenario
	fieldScope
	fieldType
	fieldDuration
	fieldValue
	fieldSimulated
	fieldID
	fieldOther
)

var fieldNames = [...]string{"origin", "scenario", "scope", "type", "duration", "value", "simulated"}

func fieldOf(key []byte) field {
	switch string(key) {
	case "origin":
		return fieldOrigin
	case "scenario":
		return fieldScenario
	case "scope":
		return fieldScope
	case "type":
		return fieldType
	case "duration":
		return fieldDuration
	case "value":
		return fieldValue
	case "simulated":
		return fieldSimulated
	case "id":
		return fieldID
	}
	return fieldOther
}

// readField reads the value of the key f. If a key repeats, the last value counts.
func (d *Decoder) readField(f field) error {
	c, err := d.token()
	if err != nil {
		return err
	}
	var text []byte
	var long bool
	switch {
	case c == 'n':
		if err := d.literal("null"); err != nil {
			return err
		}
	case f == fieldSimulated:
		d.row.Simulated, err = d.boolean()
		return err
	case c == '"':
		d.pos++
		if text, long, err = d.str(); err != nil {
			return err
		}
	default:
		return d.errorf("%s is no string", fieldNames[f])
	}
	d.setField(f, text, long)
	return nil
}

func (d *Decoder) setField(f field, text []byte, long bool) {
	switch f {
	case fieldOrigin:
		d.row.Origin = d.share(f, text)
	case fieldScenario:
		d.row.Scenario = d.share(f, text)
	case fieldScope:
		d.row.Scope = d.share(f, text)
	case fieldType:
		d.row.Type = d.share(f, text)
		d.row.Long = d.row.Long || long
	case fieldDuration:
		d.row.Duration = append(d.row.Duration[:0], text...)
		d.row.Long = d.row.Long || long
	case fieldValue:
		d.row.Value = append(d.row.Value[:0], text...)
		d.row.Long = d.row.Long || long
	case fieldSimulated:
		d.row.Simulated = false
	}
}

// share returns text as a string without an allocation, if it was seen lately.
func (d *Decoder) share(f field, text []byte) string {
	if string(text) != d.last[f] {
		d.last[f] = d.shared.get(text)
	}
	return d.last[f]
}
