"""RELIABILITY.md's table: what is promised, which tests hold it, and how many cases of them ran.

`make reliability` runs the tests and writes the table; `python -m tests.reliability FILE…` writes it from the
JUnit files of runs that were made before, such as one with the Pulumi CLI on the PATH.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from benchmarks.report import put_into

DOCUMENT = Path(__file__).parent.parent / "RELIABILITY.md"
BEGIN = "<!-- promises: written by `make reliability` -->"
END = "<!-- end of the promises -->"

#: what is promised, and the tests (whole modules, or some of one) that hold it
PROMISES: dict[str, list[str]] = {
    "Whatever goes wrong with whichever call, the run succeeds or says in one line what is wrong. After the next run "
    "each declared key is there once and its plaintext is in the stack; whatever else is left is a key that nobody "
    "can use, and the run has told of it: under an exact name it has credit limit 0 and an expiry, unless the PATCH "
    "that completes it was carried out, wholly or in part, and then its DELETE fails as well.": [
        "faults/test_matrix_make", "faults/test_matrix_keep", "faults/test_matrix_recover",
    ],
    "The same if the provider or the engine is killed or interrupted at any write of a create, an update, a "
    "replacement, a delete or an adoption, or killed while a lost key is looked for or one is withdrawn: but nothing "
    "is told then, and a key whose last call was carried out is as declared. A replacement that is killed half-way "
    "leaves the old key working until the new one is in the state.": [
        "faults/test_kill", "faults/test_kill_replacement",
    ],
    "Whatever people edit in programs and behind Pulumi's back, after a refresh and an `up` the account is as it is "
    "declared, and a second `up` changes nothing.": ["faults/test_stateful"],
    "Whatever programs adopt, rename, move to another instance, force to be replaced and drop, and whatever fails in "
    "between, no key is deleted that another resource, or its own replacement, holds.": [
        "faults/test_adoptions",
        "test_adoption_programs",
        "test_instance_programs",
        "test_peers",
    ],
    "Somebody else's key in a POST's answer is not taken for the one that was made, and not written to.": [
        "test_keys::test_an_answer_about_another_key_is_not_believed",
        "test_keys::test_an_answer_about_a_known_key_is_not_believed",
        "test_keys::test_two_answers_about_two_keys",
    ],
    "Several stacks and people may change an account at the same time, with equal names: each run touches only its "
    "own keys.": ["faults/test_others"],
    "A recovery deletes no key that it cannot prove to be its own; where it cannot, it says which.": [
        "test_keys::test_several_candidates_are_all_named",
        "test_keys::test_a_name_alone_is_no_proof",
        "test_keys::test_other_keys_are_left_alone",
    ],
    "Only the API's own 404 makes a refresh forget a key; a refresh and an update do not take another account's key "
    "for one's own.": [
        "test_keys::test_nothing_else_means_gone",
        "test_lifecycle::test_refresh_does_not_believe_a_strangers_404",
        "test_lifecycle::test_delete_does_not_believe_a_strangers_404",
        "test_lifecycle::test_refresh_does_not_take_another_accounts_key",
        "test_lifecycle::test_update_does_not_take_another_accounts_key",
        "test_lifecycle::test_a_key_of_another_instance_is_replaced",
    ],
    "A wrong clock breaks no creation, and is told once: at most the first lease of each thread is counted by this "
    "machine's clock, all others by the API's. An expiry that is over by either clock is refused in one line. Instants "
    "are compared as instants, however they are written, in summer time and in whatever zone this machine is.": [
        "faults/test_clock",
        "test_keys::test_a_clock_that_is_wrong",
        "test_keys::test_a_lease_that_was_over_is_counted_again_once",
        "test_keys::test_a_reservation_that_is_refused_is_explained",
        "test_keys::test_however_the_server_writes_instants",
        "test_client::test_the_apis_clock",
        "test_client::test_a_wrong_clock_is_told_once",
        "test_client::test_threads_tell_of_a_wrong_clock_once",
        "test_client::test_an_expiry_without_an_offset_is_not_sent",
        "test_client::test_a_wrong_clock_explains_a_refusal",
        "test_values::test_notations_of_an_instant",
        "test_values::test_instants_that_do_not_exist",
        "test_values::test_this_machines_zone_changes_nothing",
        "test_api_key::test_wall_clocks_that_change",
        "test_api_key::test_an_instant_survives_any_wall_clock",
        "test_api_key::test_a_datetime_without_a_zone_is_refused",
    ],
    "Leftover reservations are found and removed; nothing else can be.": [
        "test_leftovers",
        "test_client::test_reservations_are_found",
        "test_client::test_nothing_else_is_a_reservation",
    ],
    "State of every release can be previewed without a change, refreshed and destroyed; the names that states hold "
    "are pinned.": [
        "test_golden",
        "test_lifecycle::test_pickled_provider_is_pinned",
        "test_lifecycle::test_output_names_are_pinned",
        "test_lifecycle::test_hidden_output_names_are_pinned",
    ],
    "Retries aside, a refresh makes at most four calls and one for each key that is gone; what this process has "
    "written is read anew, and the answers are right while keys are written. To refresh 10,000 keys takes less than "
    "150 MiB.": [
        "test_scale",
        "test_keys::test_many_threads_share_one_list",
        "test_keys::test_threads_share_a_list_that_fails",
        "test_keys::test_a_write_throws_the_list_away",
        "test_keys::test_a_write_that_fails_throws_the_list_away",
    ],
    "Where nothing has changed, no call is made; programs load nothing that only the provider needs.": [
        "test_golden::test_preview_asks_nothing",
        "test_end_to_end::test_second_up_changes_nothing",
        "test_imports::test_import_is_light",
        "test_imports::test_a_program_loads_nothing_of_the_providers",
        "test_imports::test_a_preview_is_light",
        "test_imports::test_a_preview_with_a_proxy_is_nearly_as_light",
        "test_imports::test_a_call_is_light",
    ],
    "The preview of an unchanged program is empty, whatever its outputs are used for, before and after a refresh; a "
    "preview knows what a deployment does not change, and a resource that is renamed keeps its key's name.": [
        "test_preview_programs",
        "test_lifecycle::test_a_new_prefix_keeps_the_digits",
        "test_lifecycle::test_a_default_prefix_is_for_new_keys",
        "test_lifecycle::test_a_refresh_gives_no_inputs_to_a_key_that_is_read",
        "test_packaging::test_a_strangers_project_installs_and_runs",
    ],
    "Under mocks nothing reaches the network, whatever the environment holds, and wrong inputs fail as they do in a "
    "preview.": ["test_mocks"],
    "Under a rate limit, one by the minute too, nothing fails as long as each call is let through within the 90 "
    "seconds for which it is retried; the pace is learned, and the user is told.": ["test_pace"],
    "Neither a plaintext nor the provisioning key is shown, logged or told in an error, or lies unencrypted in a file, "
    "whatever goes wrong.": [
        "faults/test_matrix_make", "faults/test_matrix_keep", "faults/test_matrix_recover",
        "faults/test_kill::test_nothing_leaks",
        "test_keys::test_no_credential_in_anybodys_log",
        "test_keys::test_no_plaintext_in_a_recovery",
        "test_client::test_any_echoed_key_is_hidden",
        "test_client::test_a_plaintext_in_a_broken_answer_is_not_quoted",
        "test_inputs::test_no_value_that_may_be_a_credential_is_quoted",
        "test_lifecycle::test_secret_plaintexts_never_reach_the_log",
        "test_golden::test_nothing_kept_is_in_plain_text",
        "test_end_to_end::test_plaintext_is_encrypted_in_state",
        "test_end_to_end::test_a_transform_uncovers_no_plaintext",
    ],
    "Nor can a crash reporter reach one from an error: no request, no header and no body hangs on it.": [
        "test_client::test_nothing_was_sent",
        "test_client::test_the_answer_was_lost",
        "test_client::test_a_plaintext_in_a_broken_answer_is_not_quoted",
        "test_models::test_a_broken_body_is_forgotten",
        "test_lifecycle::test_an_unforeseen_error_is_forgotten",
        "test_watch::test_a_webhook_that_cannot_be_used",
        "test_network::test_a_proxy_that_cannot_be_used",
        "test_cli_keys::test_a_broken_file_is_forgotten",
    ],
    "An attempt ends when its time is over, however its answer drips, through TLS and proxies too, and a call at most "
    "one attempt after its deadline. An answer of more than 64 MiB, unpacked, or of three million values is given up; "
    "a list of 10,000 keys with the longest of all names takes half of that. A POST that is cut off is in doubt as any "
    "other.": [
        "test_network",
        "test_models::test_a_flood_of_values",
        "test_models::test_many_wrong_items",
        "test_keys::test_a_key_whose_answer_drips_is_deleted",
    ],
    "Whatever number or instant stands in an answer, a header, an input, an option or a file, it is read, or refused "
    "in one short line; nothing hangs, overflows or fills the screen.": [
        "test_values::test_any_number_is_quickly_read_or_refused",
        "test_values::test_what_is_no_amount_is_not_sent",
        "test_values::test_what_is_no_id",
        "test_values::test_an_instant_outside_the_calendar",
        "test_models::test_any_number_is_read_or_refused",
        "test_models::test_what_is_read_can_be_computed_with",
        "test_models::test_any_text_is_a_day_or_refused",
        "test_client::test_a_number_out_of_range",
        "test_client::test_nothing_fails_by_any_date",
        "test_transport::test_a_garbled_retry_after_breaks_nothing",
        "test_inputs::test_a_number_of_thousands_of_digits",
        "test_functions::test_what_is_no_amount",
        "test_metrics::test_the_last_day_of_all_years",
        "test_metrics::test_absurd_answers",
        "test_report::test_absurd_answers",
        "test_cli_keys::test_a_broken_file",
    ],
    "Other users of the machine can open nothing that is written; no secret of a configuration and no webhook's URL "
    "shows in a message, and no command that is run gets a credential of the account, in whatever shape.": [
        "test_files",
        "test_emulator::test_a_file_is_private",
        "test_emulator::test_a_file_that_others_can_open_is_narrowed",
        "test_testing_engine::test_all_that_is_written_is_private",
        "test_testing_engine::test_what_was_open_to_others_is_narrowed",
        "test_tryout::test_everything_stays_in_the_ignored_folder",
        "test_cli::test_a_report_is_private",
        "test_testing_engine::test_no_error_of_the_command_line_tells_a_secret",
        "test_testing_engine::test_no_failure_of_a_program_tells_a_secret",
        "test_testing_parity::test_a_failing_programs_words_tell_no_secret",
        "test_emulator_cli::test_a_slip_tells_no_key",
        "test_watch::test_no_log_has_a_webhooks_url",
        "test_watch::test_a_command_gets_a_clean_environment",
    ],
    "The emulator that all this is tested against keeps the API's contract.": ["test_emulator_openapi"],
}  # fmt: skip


class Ran(NamedTuple):
    """A test that passed: its module, its function, and whether it ran on the real CLI."""

    module: str
    function: str
    on_cli: bool

    def is_of(self, test: str) -> bool:
        """Whether it is a case of a test that a promise names."""
        module, _, function = test.partition("::")
        return self.module == module.replace("/", ".") and function in ("", self.function)


def ran(files: list[Path]) -> set[tuple[str, Ran]]:
    """What passed in some runs, each case once."""
    cases = (case for file in files for case in ET.parse(file).getroot().iter("testcase"))
    return {
        (f"{case.get('classname')}::{name}", Ran(_module(case), name.partition("[")[0], _is_cli(case)))
        for case in cases
        if len(case) == 0 or not {"skipped", "failure", "error"} & {child.tag for child in case}
        for name in [case.get("name", "")]
    }


def _module(case: ET.Element) -> str:
    return case.get("classname", "").removeprefix("tests.")


def _is_cli(case: ET.Element) -> bool:
    of_an_engine = re.search(r"[\[-]cli\b", case.get("name", "")) is not None
    return (
        of_an_engine and _module(case) != "test_imports"
    )  # which has a case for each module, the shell's too


def table(files: list[Path]) -> str:
    """The promises with their tests and the cases that passed."""
    passed = [case for _, case in ran(files)]
    rows = ["| promise | held by | cases | of these on the Pulumi CLI |", "|---|---|---|---|"]
    for promise, tests in PROMISES.items():
        count = Counter(case.on_cli for case in passed if any(case.is_of(test) for test in tests))
        names = ", ".join(f"`{test}`" for test in tests)
        rows.append(f"| {promise} | {names} | {count.total()} | {count[True]} |")
    rows.append(
        f"\n{len(passed)} cases passed in all, {sum(case.on_cli for case in passed)} of them on the Pulumi CLI."
    )
    return "\n".join(rows)


def write(files: list[Path]) -> None:
    """Put the table into RELIABILITY.md, and print it."""
    text = table(files)
    put_into(DOCUMENT, text, BEGIN, END)
    print(text)


if __name__ == "__main__":
    write([Path(name) for name in sys.argv[1:]])
