//! What serenity reads and writes.

#![cfg(feature = "serenity")]

use serde_json::{Value, from_str, from_value, json, to_value};
use serenity::all::{CommandDataOptionValue, CommandInteraction, CommandOption, CommandOptionType};
use tux_cache_dependents::{DEFINITION, FOCUSED, INTERACTION, NUMBERS};

fn check(interaction: CommandInteraction) {
    let mut options = interaction.data.options.iter();
    for (name, number) in NUMBERS {
        let option = options.next().unwrap();
        assert_eq!(option.name, name);
        assert_eq!(option.value, CommandDataOptionValue::Number(number));
    }
    assert_eq!(
        options.next().unwrap().value,
        CommandDataOptionValue::Integer(-9_007_199_254_740_991)
    );
    let written = to_value(&interaction.data.options).unwrap();
    assert_eq!(written[0]["value"], json!(2.5));
    assert_eq!(written[2]["value"], json!(-0.0025));
}

#[test]
fn an_interaction() {
    check(from_str(INTERACTION).unwrap());
    let value: Value = from_str(INTERACTION).unwrap();
    check(from_value(value).unwrap());
}

#[test]
fn an_option_that_is_being_typed() {
    let text = INTERACTION.replace(r#""options": ["#, &format!(r#""options": [{FOCUSED},"#));
    let interaction: CommandInteraction = from_str(&text).unwrap();
    let CommandDataOptionValue::Autocomplete { kind, value } = &interaction.data.options[0].value
    else {
        panic!("{interaction:?}");
    };
    assert_eq!((*kind, value.as_str()), (CommandOptionType::Number, "0.5"));
}

#[test]
fn a_definition() {
    let option: CommandOption = from_str(DEFINITION).unwrap();
    assert_eq!(option.min_value.as_ref().unwrap().as_f64(), Some(0.5));
    assert_eq!(option.max_value.as_ref().unwrap().as_f64(), Some(1000.0));
    assert_eq!(option.choices[0].value, json!(0.25));
    assert_eq!(option.choices[1].value, json!(10.0));
    let written = to_value(&option).unwrap();
    assert_eq!(written["min_value"], json!(0.5));
}
