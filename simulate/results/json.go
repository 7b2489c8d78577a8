package results

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// members calls do for each member of an object, or of a list by position from 0, in the order in which they stand.
func members(raw json.RawMessage, do func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	list, err := d.Token()
	if err != nil {
		return err
	}
	for n := 0; d.More(); n++ {
		key := strconv.Itoa(n)
		if list == json.Delim('{') {
			t, err := d.Token()
			if err != nil {
				return err
			}
			key = t.(string)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := do(key, value); err != nil {
			return err
		}
	}
	return nil
}
