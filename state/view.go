package state

// maxViews bounds the views of different audiences that are kept for an entity.
const maxViews = 16

// views are an entity's views as of one revision, by audience, kept because many links often
// come at once.
type views struct {
	revision uint64
	by       map[string][]byte
}

func (v *views) bytes() int64 {
	if v == nil {
		return 0
	}
	var n int64
	for _, data := range v.by {
		n += int64(len(data))
	}
	return n
}

// view returns what an audience sees of the state, as JSON.
func (l *live) view(audience string) ([]byte, error) {
	if l.views == nil || l.views.revision != l.mark.Revision {
		l.views = &views{revision: l.mark.Revision}
	}
	if data, ok := l.views.by[audience]; ok {
		return data, nil
	}
	data, err := l.encodeView(audience)
	if err != nil {
		return nil, err
	}
	if l.views.by == nil || len(l.views.by) >= maxViews {
		l.views.by = make(map[string][]byte)
	}
	l.views.by[audience] = data
	return data, nil
}

// encodeView calls the category's view of the state.
func (f *folded) encodeView(audience string) (data []byte, err error) {
	err = guard(func() (err error) {
		if f.cat.View != nil {
			data, err = f.cat.View(f.state, audience)
		} else {
			data, err = f.cat.EncodeState(f.state)
		}
		return err
	})
	return data, err
}
