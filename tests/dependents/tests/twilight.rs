//! What twilight-model reads and writes.

#![cfg(any(
    feature = "twilight-0-16",
    feature = "twilight-0-17",
    feature = "twilight-0-18"
))]

macro_rules! answers {
    ($feature:literal, $version:ident, $twilight:ident) => {
        #[cfg(feature = $feature)]
        mod $version {
            use serde_json::{Value, from_str, from_value, json, to_value};
            use tux_cache_dependents::{DEFINITION, FOCUSED, FOCUSED_NUMBER, INTERACTION, NUMBERS};
            use $twilight::application::command::{
                CommandOption, CommandOptionChoiceValue, CommandOptionType,
                CommandOptionValue as Limit,
            };
            use $twilight::application::interaction::{
                Interaction, InteractionData,
                application_command::{CommandDataOption, CommandOptionValue},
            };

            fn check(interaction: Interaction) {
                let Some(InteractionData::ApplicationCommand(data)) = interaction.data else {
                    panic!("{interaction:?}");
                };
                let mut options = data.options.iter();
                for (name, number) in NUMBERS {
                    let option = options.next().unwrap();
                    assert_eq!(option.name, name);
                    assert_eq!(option.value, CommandOptionValue::Number(number));
                }
                assert_eq!(
                    options.next().unwrap().value,
                    CommandOptionValue::Integer(-9_007_199_254_740_991)
                );
                let written = to_value(&data.options).unwrap();
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
                for text in [FOCUSED, FOCUSED_NUMBER] {
                    let option: CommandDataOption = from_str(text).unwrap();
                    let expected =
                        CommandOptionValue::Focused("0.5".into(), CommandOptionType::Number);
                    assert_eq!(option.value, expected);
                }
            }

            #[test]
            fn a_definition() {
                let option: CommandOption = from_str(DEFINITION).unwrap();
                assert_eq!(option.min_value, Some(Limit::Number(0.5)));
                assert_eq!(option.max_value, Some(Limit::Number(1000.0)));
                let choices = option.choices.as_ref().unwrap();
                assert_eq!(choices[0].value, CommandOptionChoiceValue::Number(0.25));
                assert_eq!(choices[1].value, CommandOptionChoiceValue::Number(10.0));
                let written = to_value(&option).unwrap();
                assert_eq!(written["min_value"], json!(0.5));
                assert_eq!(from_value::<CommandOption>(written).unwrap(), option);
            }
        }
    };
}

answers!("twilight-0-16", v0_16, twilight_0_16);
answers!("twilight-0-17", v0_17, twilight_0_17);
answers!("twilight-0-18", v0_18, twilight_0_18);
