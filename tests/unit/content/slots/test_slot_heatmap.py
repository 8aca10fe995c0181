"""The week at a glance says what is known of each hour, and what is not."""

from __future__ import annotations

from tests.builders_slots import NOW, a_model, a_past, rules

from steersman.content.slots.heatmap import heatmap


def test_good_hours_stand_out_and_unknown_ones_do_not() -> None:
    model = a_model(a_past(300, lambda when, kind: 100.0 if when.hour >= 17 else 40.0))
    cells = heatmap(model, "note", rules(), NOW)
    assert [(cell.weekday, cell.hour) for cell in cells] == [(day, hour) for day in range(7) for hour in range(24)]
    assert sum(cell.allowed for cell in cells) == 7 * 12
    assert sum(cell.n for cell in cells) == 300
    evening = [cell for cell in cells if cell.hour in (17, 18, 19)]
    assert all(cell.ratio is not None and cell.ratio > 0.3 and cell.told_apart for cell in evening)
    night = [cell for cell in cells if cell.hour == 3]
    assert not any(cell.told_apart for cell in night)


def test_without_enough_data_there_are_counts_alone() -> None:
    cells = heatmap(a_model(a_past(12)), "note", rules(), NOW)
    assert sum(cell.n for cell in cells) == 12
    assert all(cell.ratio is None and not cell.told_apart for cell in cells)
