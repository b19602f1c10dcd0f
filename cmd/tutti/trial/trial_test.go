package trial_test

import (
	"testing"

	"github.com/tutti-rt/tutti/cmd/tutti/trial"
	"github.com/tutti-rt/tutti/tuttitest"
)

func TestCategoriesHaveNoMistakes(t *testing.T) {
	for _, c := range trial.Categories() {
		if err := c.Err(); err != nil {
			t.Errorf("category %s: %v", c.Name(), err)
		}
	}
}

func TestAccountSendsWhatItHas(t *testing.T) {
	tuttitest.Given(t, trial.Accounts, trial.Deposited{Amount: 5}).
		When(trial.Transfer{Key: "a", To: "other", Amount: 6}).ThenRejects("funds").
		When(trial.Transfer{Key: "a", To: "other", Amount: 5}).Then(trial.Transferred{Key: "a", To: "other", Amount: 5}).
		When(trial.Transfer{Key: "b", To: "other", Amount: 1}).ThenRejects("funds").
		When(trial.Credit{Key: "c", Amount: 1}).ThenRejects("forbidden").
		When(trial.Receipt{Key: "a"}).ThenRejects("forbidden").
		When(trial.Decline{Key: "a"}).ThenRejects("forbidden")
}

func TestAccountFold(t *testing.T) {
	tuttitest.Given(t, trial.Accounts,
		trial.Deposited{Amount: 30},
		trial.Transferred{Key: "a", To: "x", Amount: 9}, trial.Transferred{Key: "b", To: "x", Amount: 8},
		trial.Overdue{Key: "a"}, trial.Returned{Key: "a"}, trial.Settled{Key: "b"}, trial.Credited{From: "x", Key: "k", Amount: 3},
	).ThenState(trial.Account{Balance: 25, Waiting: map[string]trial.Pending{}, Late: 1})
}

func TestAlarm(t *testing.T) {
	tuttitest.Given(t, trial.Alarms, trial.Planned{Key: "a", After: 5}).
		When(trial.Plan{Key: "a", After: 1}).ThenRejects("invalid").
		When(trial.Plan{Key: "b", After: 3_600_001}).ThenRejects("invalid").
		When(trial.Plan{Key: "b", After: 7}).Then(trial.Planned{Key: "b", After: 7}).
		ThenState(trial.Alarm{Pending: map[string]int64{"a": 5, "b": 7}})
}
