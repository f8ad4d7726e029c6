"""Words of the special categories, of money and of contracts. Stems end in "*"; "_" joins the words of a phrase.

Written for this project. English first; the larger languages of Europe so that an owner who accepts one is served too.
"""

from node.privacy.findings import FindingType
from node.privacy.wordlist import words

_HEALTH = (
    "diagnos* symptom* prescri* patient* disease* illness* sick* tumor* tumour* cancer* leukemi* leukaemi* lymphom* "
    "carcinom* metasta* chemotherap* radiotherap* diabet* insulin* hypertens* cholester* asthma* epilep* seizure* "
    "stroke* dementia* alzheimer* parkinson* depress* anxiet* bipolar* schizophren* psychos* psychiat* psychotherap* "
    "therapist* suicid* self_harm anorexi* bulimi* adhd autis* dyslex* ptsd ocd addict* alcoholi* overdos* rehab* "
    "detox* hiv aids hepatitis* herpes* chlamydia* gonorrh* syphilis* std sti pregnan* miscarr* abortion* infertil* "
    "ivf menopaus* disab* wheelchair* amputat* allerg* anaphyla* surger* biops* mri chemo* hospital* clinic* "
    "medication* antidepress* antipsychot* sertralin* fluoxetin* lithium* metformin* methadon* opioid* oxycod* "
    "blood_pressure blood_test blood_type heart_attack heart_failure heart_disease kidney* renal* ckd t2dm t1dm copd "
    "arthrit* crohn* multiple_sclerosis sclerosis* fibromyalg* migrain* lupus thyroid* celiac* coeliac* covid* "
    "pneumon* tuberculos* mental_health sick_leave medical_record medical_leave in_therapy eating_disorder "
    "panic_attack panic_attacks stomach_pain chest_pain back_pain flu_jab vaccinat* penicillin* amoxicil* "
    "hearing_loss blind deaf insomni* obes* dialys* transplant* hospice* palliativ* krank* diagnose* schwanger* "
    "behinder* fehlgeburt* abtreib* arztbrief* arztbericht* bandscheib* krebs* chemotherapie* depressiv* therapie* "
    "malad* cancér* enceinte* grossesse* dépress* handicap* ordonnance* hospitalis* enferm* embaraz* discapac* "
    "receta* alergi* cáncer* malatti* gravidanz* tumore* depressione* disabil* ziek* zwanger* diabète* diabetes* "
    "suikerziekt* doença* doente* grávida* deficiênc*"
)
_BELIEF = (
    "religio* muslim* islam* christian* catholic* protestant* jewish jew jews judais* hindu* buddhis* sikh* atheis* "
    "agnostic* jehovah* mormon* scientolog* baptis* evangelic* church* mosque* synagog* kirche* moschee* église* "
    "mezquita* iglesia* trade_union union_member union_membership sindicat* gewerkschaft* syndical* votes_for "
    "voted_for voted party_member party_membership republican* democrat conservative_party labour_party communis* "
    "socialis* anarchis* political_view* political_opinion* political_belief* converted_to ramadan* halal kosher* "
    "muslima* katholi* evangelisch*"
)
_SEXUALITY = (
    "gay lesbian* bisexual* homosexual* heterosexual* transgender* transsexual* nonbinary non_binary queer asexual* "
    "pansexual* lgbt* sexual_orientation sexuality came_out coming_out_to sex_life sexual_partner* sexual_abuse "
    "sexually* erectile* affair affairs gender_identity gender_reassign* sex_worker* schwul* lesbisch* gais "
    "homosexuel* homosexuell* transsexuel*"
)
_CRIMINAL = (
    "convict* criminal_record criminal_conviction arrested arrest imprison* prison* jail* parole* probation* felony "
    "felonies felon* misdemeano* indict* sentenced pleaded_guilty pled_guilty guilty_plea dui dwi shoplift* embezzl* "
    "assault* burglar* restraining_order rap_sheet police_record charged_with sex_offend* offender* "
    "previous_convictions vorbestraf* vorstrafe* verurteil* haftstraf* casier_judiciaire condamné* "
    "antecedentes_penales condenado* pregiudicat* precedenti_penali strafblad veroordeeld*"
)
_CHILDHOOD = (
    "kindergarten* preschool* nursery daycare* day_care elementary_school primary_school middle_school foster_care "
    "foster_child* custody child_protect* child_support child_abuse pupil* schoolchild* toddler* year_old_son "
    "year_old_daughter year_old_boy year_old_girl year_old_child upn special_needs bullied bullying class_teacher "
    "homeschool* grader schulkind* grundschul* kita kinderheim jugendamt écol* crèche scolarit* escuela* guardería "
    "colegio alumno* scuola_elementare asilo basisschool* school_report report_card parent_teacher"
)
_MONEY = (
    "owe salary salaries salar* wage wages paycheck* payslip* pay_slip income incomes net_worth bonus bonuses base_pay "
    "compensat* owes owed debt debts in_debt mortgage* loan loans savings bankrupt* insolven* tax_return pension* "
    "alimony severance settlement* overdraft* gehalt* gehält* lohn* schulden kredit* salaire* dettes sueldo* salario* "
    "deuda* stipendio* debiti salaris* salário* dívida* owing credit_score payday* brokerage* sign_on missed_payments in_arrears rent_arrears repossess* garnish* credit_card_debt unpaid_rent "
    "工资 薪水 給料"
)
_CONTRACT = (
    "employment_contract notice_of_termination dismiss* fired laid_off layoff* redundan* severance_package "
    "non_disclosure nda settlement_agreement non_disparagement noncompete* non_compete* breach_of_contract lawsuit "
    "sued suing divorce* lease_agreement rental_agreement prenup* performance_review performance_improvement "
    "disciplinary resign* abmahnung* kündig* arbeitsvertrag* licenciement* contrat_de_travail despido* "
    "contrato_laboral licenziament* ontslag* demissão"
)

LEXICON: dict[FindingType, frozenset[str]] = {
    FindingType.HEALTH_TOPIC: words(_HEALTH),
    FindingType.BELIEF_TOPIC: words(_BELIEF),
    FindingType.SEXUALITY_TOPIC: words(_SEXUALITY),
    FindingType.CRIMINAL_TOPIC: words(_CRIMINAL),
    FindingType.CHILDHOOD_TOPIC: words(_CHILDHOOD),
    FindingType.MONEY_TOPIC: words(_MONEY),
    FindingType.CONTRACT_TOPIC: words(_CONTRACT),
}
