package backup

// Saved returns how the backup was when the server wrote it down last, which it does
// every few seconds, and what is wrong with it. It is for other processes than the
// server's, and fails if no server has made a backup of the data directory yet.
func (p *Plugin) Saved() (status Status, problem, err error) {
	status, err = p.savedStatus()
	if err != nil {
		return status, nil, err
	}
	return status, p.config.problem(status), nil
}
