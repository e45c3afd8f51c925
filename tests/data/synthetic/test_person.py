"""A person is drawn from a seed and a number."""

from femb_cli.data.synthetic.person import draw_identity


def test_a_person_depends_on_seed_and_number_alone():
    assert draw_identity(3, 8) == draw_identity(3, 8)
    assert draw_identity(3, 8) != draw_identity(3, 9)
    assert draw_identity(3, 8) != draw_identity(4, 8)
