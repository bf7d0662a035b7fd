package detect

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// maxMembers is how many keys, values and brackets of JSON are looked at: to read more
// takes longer than it is worth.
const maxMembers = 1024

// eachMember calls f for the members of JSON objects whose values are texts, numbers
// or true and false, however deep they are, up to where the text ends or goes wrong.
func eachMember(text []byte, f func(key, value string)) { eachValue(text, f, nil) }

// eachValue is eachMember, and calls item for texts in an array, with the name of the
// member that the array is.
func eachValue(text []byte, f, item func(key, value string)) {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	var objects []bool // that are open; arrays are false
	key, named := "", false
	for range maxMembers {
		token, err := in.Token()
		if err != nil {
			return
		}
		if d, ok := token.(json.Delim); ok {
			if named = false; d == '{' || d == '[' {
				objects = append(objects, d == '{')
			} else {
				objects = objects[:len(objects)-1]
			}
			continue
		}
		name, isText := token.(string)
		switch number, isNumber := token.(json.Number); {
		case len(objects) == 0 || !objects[len(objects)-1]:
			if isText && item != nil {
				item(key, name)
			}
		case !named:
			key, named = name, true
			continue
		case isText:
			f(key, name)
		case isNumber:
			f(key, number.String())
		default:
			if is, ok := token.(bool); ok {
				f(key, strconv.FormatBool(is))
			}
		}
		named = false
	}
}
